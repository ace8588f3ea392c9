"""What the tasks of the web applications do, and how a row lets those go on that wait.

A row's order for a task is how it is handed over and its kind: ``"create_task hang"``.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any, Final

from worlds.faults.book import name_of
from worlds.faults.mix import WAITING
from worlds.faults.truth import TruthLog

TIMEOUT_SECONDS: Final = 0.02
TRUTH: Final = TruthLog(os.environ["FAULTS_TRUTH"])


class Release:
    """Waits until the row closes its end of a pipe: a server that stops takes no requests."""

    def __init__(self, path: str) -> None:
        self._path: Final = path
        self._lock: Final = Lock()
        self._waiting: Final[list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = []
        self._is_over = False
        self._reader: Thread | None = None
        """Made by the first task that waits: this module may be imported before a fork."""

    async def wait(self) -> None:
        """Return when the row says so. On any loop of the process."""
        loop = asyncio.get_running_loop()
        released: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._is_over:
                return
            self._waiting.append((loop, released))
            if self._reader is None:
                self._reader = Thread(target=self._read, daemon=True)
                self._reader.start()
        await released

    def block(self) -> None:
        """The same, and nothing else runs on this thread meanwhile."""
        # Not to wait for a writer: the row may have closed its end before this opens the other.
        pipe = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(pipe, True)
        with os.fdopen(pipe, "rb") as opened:
            opened.read()

    def _read(self) -> None:
        self.block()
        with self._lock:
            self._is_over = True
            waiting, self._waiting[:] = self._waiting[:], []
        for loop, released in waiting:
            with suppress(RuntimeError):  # the loop has closed over it
                loop.call_soon_threadsafe(_set, released)


def _set(released: "asyncio.Future[None]") -> None:
    if not released.done():
        released.set_result(None)


RELEASE: Final = Release(os.environ["FAULTS_RELEASE"])


async def work(number: int, kind: str) -> str:
    """What a task does."""
    with TRUTH.of(number):
        if kind == "fail":
            raise ValueError(number)
        if kind == "raise_timeout":
            raise TimeoutError(number)
        if kind == "exit":
            raise SystemExit(3)
        if kind in {"hang", "time_out"}:
            await asyncio.Event().wait()
        if kind == "block":
            Event().wait()  # its loop stands still, as under a library that does not await
        if kind == "stall":
            RELEASE.block()
        if kind in WAITING:
            await RELEASE.wait()
        if kind == "wait_and_fail":
            raise ValueError(number)
        await asyncio.sleep(0)
        return kind


def named(number: int, kind: str) -> Callable[[int], Coroutine[Any, Any, str]]:
    """A function of the task's own name, to be called with its number."""

    async def task(number: int) -> str:
        return await work(number, kind)

    task.__qualname__ = task.__name__ = name_of(number)
    return task


def in_a_thread(number: int, kind: str) -> Callable[[int], str]:
    """The same for a synchronous function, which the framework runs in its pool."""

    def task(number: int) -> str:
        with TRUTH.of(number):
            if kind == "fail":
                raise ValueError(number)
            return kind

    task.__qualname__ = task.__name__ = name_of(number)
    return task


def say(number: int, kind: str) -> dict[str, Any]:
    """Write down that a task is about to be handed over; what ``afterword.wait_until`` takes."""
    timeout = TIMEOUT_SECONDS if kind == "time_out" else None
    TRUTH.hand_over(number, kind=kind, timeout_seconds=timeout)
    return {"name": name_of(number), "timeout": timeout, "payload": {"number": number}}

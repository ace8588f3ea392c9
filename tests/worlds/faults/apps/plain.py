"""A plain asyncio program that hands over tasks as it is told: run as a script, one order a line.

An order is a JSON object with ``do``; each is answered with one line. ``hand_over`` takes a mix
(``{"17": "fail"}``) and what ``wait_until`` takes, and answers when all that end by themselves
have.
"""

from worlds.faults import clock

clock.install()

import asyncio  # noqa: E402 - the clock comes first
import ctypes  # noqa: E402 - the same
import json  # noqa: E402 - the same
import os  # noqa: E402 - the same
import resource  # noqa: E402 - the same
import signal  # noqa: E402 - the same
import sys  # noqa: E402 - the same
import time  # noqa: E402 - the same
from collections import defaultdict  # noqa: E402 - the same
from collections.abc import Awaitable, Callable  # noqa: E402 - the same
from typing import Any, Final  # noqa: E402 - the same

import afterword  # noqa: E402 - the same
from worlds.faults.book import name_of  # noqa: E402 - the same
from worlds.faults.mix import ENDING, WAITING  # noqa: E402 - the same
from worlds.faults.truth import TruthLog, true_now  # noqa: E402 - the same

TIMEOUT_SECONDS: Final = 0.02
FLUSH_SECONDS: Final = 100.0


class App:
    """The program: its tasks, and what they wait for."""

    def __init__(self, truth: TruthLog) -> None:
        self.truth: Final = truth
        self.released: Final = asyncio.Event()
        self._never: Final = asyncio.Event()
        self._waiting: Final[list[asyncio.Future[str]]] = []
        self._begun: Final[dict[int, asyncio.Event]] = defaultdict(asyncio.Event)

    async def work(self, number: int, kind: str) -> str:
        """What a task does."""
        with self.truth.of(number):
            self._begun[number].set()
            if kind == "fail":
                raise ValueError(number)
            if kind == "raise_timeout":
                raise TimeoutError(number)
            if kind in {"time_out", "cancel", "hang"}:
                await self._never.wait()
            if kind in WAITING:
                await self.released.wait()
            if kind == "wait_and_fail":
                raise ValueError(number)
            await asyncio.sleep(0)
            return kind

    def hand_over(
        self, number: int, kind: str, *, deadline_seconds: float | None, durable: bool | None
    ) -> "asyncio.Future[str]":
        """Write it down, and hand it over."""
        truly = None if deadline_seconds is None else true_now() + deadline_seconds
        deadline = None if deadline_seconds is None else time.time() + deadline_seconds
        timeout = TIMEOUT_SECONDS if kind == "time_out" else None
        self.truth.hand_over(number, kind=kind, timeout_seconds=timeout, deadline=truly)
        future = afterword.wait_until(
            self.work(number, kind),
            name=name_of(number),
            timeout=timeout,
            deadline=deadline,
            payload={"number": number},
            durable=durable,
        )
        assert future is not None
        return future

    # ---- orders -------------------------------------------------------------------------------

    async def do_hand_over(self, order: dict[str, Any]) -> int:
        """All of a mix; answers when those that end by themselves have ended."""
        ending, to_cancel = [], {}
        for text, kind in order["mix"].items():
            future = self.hand_over(
                int(text),
                kind,
                deadline_seconds=order.get("deadline_seconds"),
                durable=order.get("durable"),
            )
            if kind in ENDING:
                ending.append(future)
            elif kind in WAITING:
                self._waiting.append(future)
            if kind == "cancel":
                to_cancel[int(text)] = future
        for number, future in to_cancel.items():
            await self._begun[number].wait()
            self.truth.cancel(number)
            future.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        return len(ending)

    async def do_hand_over_steadily(self, order: dict[str, Any]) -> int:
        """All of a mix, evenly over so many seconds; no end is waited for."""
        between_seconds = order["seconds"] / len(order["mix"])
        for text, kind in order["mix"].items():
            future = self.hand_over(int(text), kind, deadline_seconds=None, durable=None)
            if kind == "cancel":
                await self._begun[int(text)].wait()
                self.truth.cancel(int(text))
                future.cancel()
            await asyncio.sleep(between_seconds)
        return len(order["mix"])

    async def do_release(self, _: dict[str, Any]) -> None:
        """Those that wait may go on; answers when they have ended."""
        self.released.set()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def do_flush(self, order: dict[str, Any]) -> bool:
        """Deliver what was told so far; whether all of it was taken."""
        return await asyncio.to_thread(afterword.flush, order["seconds"])

    async def do_fork(self, order: dict[str, Any]) -> int:
        """A child on a loop of its own hands these over and stays; its pid, once it has."""
        read, write = os.pipe()
        child = os.fork()
        if child:
            os.close(write)
            with os.fdopen(read) as told:
                assert await asyncio.to_thread(told.readline) == "ready\n"
            return child
        # The loop that runs belongs to the parent; a fork within it may not use it.
        asyncio._set_running_loop(None)
        asyncio.new_event_loop().run_until_complete(self._as_a_child(order["mix"], write))
        os._exit(1)

    async def _as_a_child(self, mix: dict[str, str], ready: int) -> None:
        for text, kind in mix.items():
            self.hand_over(int(text), kind, deadline_seconds=None, durable=None)
        await asyncio.sleep(0)  # they begin
        if mix:
            assert await asyncio.to_thread(afterword.flush, FLUSH_SECONDS)
        os.write(ready, b"ready\n")
        await asyncio.Event().wait()

    async def do_kill_child(self, order: dict[str, Any]) -> None:
        """SIGKILL; answers when it is gone."""
        os.kill(order["pid"], signal.SIGKILL)
        await asyncio.to_thread(os.waitpid, order["pid"], 0)

    async def do_os_exit(self, _: dict[str, Any]) -> None:
        """End the process without a word to anybody."""
        os._exit(3)

    async def do_crash(self, _: dict[str, Any]) -> None:
        """Read where there is no memory."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.string_at(0)


async def obey(app: App) -> None:
    """Do what standard input says, until it ends."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order = json.loads(line)
        do: Callable[[dict[str, Any]], Awaitable[Any]] = getattr(app, f"do_{order['do']}")
        print(json.dumps(await do(order)), flush=True)  # noqa: T201 - its way to answer


async def main(make: Callable[[TruthLog], App] = App) -> None:
    """Everything on one loop; what is pending when the orders end is left to asyncio."""
    app = make(TruthLog(os.environ["FAULTS_TRUTH"]))
    await obey(app)
    app.truth.stop()


if __name__ == "__main__":
    asyncio.run(main())

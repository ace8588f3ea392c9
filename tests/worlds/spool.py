"""A spool directory with real processes writing to it, and a real service reading it."""

import asyncio
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Changes, SettledTask, TaskKey
from afterword_sidecar.service import Pace, Refused, Service
from afterword_sidecar.spool import SpoolReader, SpoolSettings
from afterword_sidecar.stores.contract import StoreError
from afterword_sidecar.stores.memory import MemoryStore

DEADLINE_SECONDS = 20
"""No test waits longer for anything."""


class SpoolProcess:
    """A real process that spools; see ``spool_process.py`` for the orders it takes."""

    def __init__(self, directory: Path, *, segment_bytes: int = 1 << 20) -> None:
        script = Path(__file__).with_name("spool_process.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(directory), str(segment_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._left: list[int] = []
        self.directory = directory
        self.name = self._answer()
        self.stream = bytes.fromhex(self.name)

    def order(self, what: str) -> str:
        """Tell it what to do; its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        self._process.stdin.flush()
        return self._answer()

    def fork(self) -> tuple[int, str]:
        """A child with a stream of its own: its pid and stream."""
        pid, stream = self.order("fork").split(" ")
        self._left.append(int(pid))
        return int(pid), stream

    def crowd(self, count: int) -> list[tuple[int, str]]:
        """Many children, each with a task open: pids and streams."""
        children = [answer.split(" ") for answer in self.order(f"crowd {count}").split(",")]
        self._left += [int(pid) for pid, _ in children]
        return [(int(pid), stream) for pid, stream in children]

    def kill(self) -> None:
        """SIGKILL, and gone when this returns. Its forked children live on."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(DEADLINE_SECONDS)

    def segments(self) -> list[str]:
        """The names of its segments that are there."""
        return sorted(path.name for path in self.directory.glob(f"{self.name}.*.jsonl"))

    def cleanup(self) -> None:
        """Nothing is left running."""
        for pid in self._left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self._process.returncode is None:
            self.kill()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(DEADLINE_SECONDS), "the process does not answer"
        return self._process.stdout.readline().decode().strip()


class FillableStore(MemoryStore):
    """The memory store, on a disk that can be full; and what was pronounced."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.commits = 0
        self.settled: dict[TaskKey, SettledTask] = {}

    def commit(self, changes: Changes) -> None:
        if self.full:
            raise StoreError("cannot commit to the book: the disk is full: free some space")
        super().commit(changes)
        self.commits += 1
        self.settled.update({task.key: task for task in changes.settled})


class Announcing:
    """The service, and an event for each stream whose end is committed."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.ended: set[str] = set()
        self.sizes: list[int] = []
        self._changed = asyncio.Event()

    async def submit(self, batches: Sequence[Batch], size_bytes: int) -> object:
        self.sizes.append(size_bytes)
        return await self._service.submit(batches, size_bytes)

    async def stream_ended(self, stream: bytes, *, alive_at: float) -> None:
        await self._service.stream_ended(stream, alive_at=alive_at)
        self.ended.add(stream.hex())
        self._changed.set()

    async def spool_gone(self, stream: bytes) -> None:
        await self._service.spool_gone(stream)

    async def records_lost(self, stream: bytes, *, highest: int, closings: int) -> None:
        await self._service.records_lost(stream, highest=highest, closings=closings)

    def alive(self, streams: Iterable[bytes]) -> None:
        self._service.alive(streams)

    async def spooled_streams(self) -> set[bytes]:
        return await self._service.spooled_streams()

    def arrived(self, received_at: float) -> AbstractContextManager[None]:
        return self._service.arrived(received_at)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds; looked at whenever a stream has ended."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class SpoolWorld:
    """A spool directory, a sidecar without ports that reads it step by step, and its book."""

    def __init__(self, directory: Path, now: float) -> None:
        self.directory = directory
        self.now = now
        self.store = FillableStore()
        self.processes: list[SpoolProcess] = []
        self.limits = Limits(client_backoff_seconds=0.0)
        self._runs = False

    async def start(
        self, *, serving: bool = True, book: type[Book] = Book, **settings: Any
    ) -> None:
        """A sidecar starts on the book as it was last committed."""
        restored = book(self.limits, self.store.load(), self.now)
        pace = Pace(stall_seconds=float("inf"), first_retry_seconds=0.001, stop_seconds=0.0)
        self.service = Service(restored, self.store, clock=self.clock, pace=pace)
        self.taker = Announcing(self.service)
        self.reader = SpoolReader(
            str(self.directory),
            self.taker,
            refused=Refused,
            settings=SpoolSettings(**settings),
            clock=self.clock,
        )
        self.stats = self.reader.stats
        self.poll_once = self.reader.open().poll
        if serving:
            await self.service.start()

    async def stop(self) -> None:
        """The sidecar stops; its store is kept."""
        await self.reader.stop()
        self.store.close = lambda: None  # type: ignore[method-assign] # the next sidecar has it
        await self.service.stop()

    async def poll(self) -> bool:
        """One round of the reader, a poll interval after the last; whether there is more to do."""
        self.now += 0.05
        return await self.poll_once(self.now)

    def clock(self) -> float:
        """Moved by hand while the test polls; the kernel's while the reader runs."""
        return time.time() if self._runs else self.now

    async def run(self) -> None:
        """From now on the reader polls by itself, by the real clock."""
        self._runs = True
        await self.reader.start()

    async def read_all(self) -> int:
        """Rounds until nothing is left to do; how many it took."""
        rounds = 1
        while await self.poll():
            rounds += 1
            assert rounds < 10_000
        return rounds

    def process(self, **options: int) -> SpoolProcess:
        """A new process that spools."""
        process = SpoolProcess(self.directory, **options)
        self.processes.append(process)
        return process

    async def totals(self) -> dict[str, float]:
        """Scheduled, settled by outcome/reason/basis, and in flight, over all series."""
        view = await self.service.view()
        found: dict[str, float] = {}
        for (metric, labels), total in view.totals.items():
            if not isinstance(total.value, tuple) and total.value:
                key = metric if metric != "settled" else "/".join(labels[4:])
                found[key] = found.get(key, 0) + total.value
        if view.open_tasks:
            found["in_flight"] = view.open_tasks
        return found

    def files(self) -> set[str]:
        """The names of everything in the directory but the sidecar's own lock."""
        return {path.name for path in self.directory.iterdir()} - {"sidecar.lock"}

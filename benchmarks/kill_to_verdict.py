"""From SIGKILL to the verdict, by the spool: the slowest of 100 processes killed at once.

Each is an interpreter of its own with the real instrumentation and tasks open. The sidecar's parts
(reader, service, SQLite with ``synchronous=FULL``) run in this process, as they do in its own. The
clock starts before they are killed and stops when a view of the committed book has every task lost.
Medians of several rounds.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from afterword.names import DROPPED
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Changes
from afterword_sidecar.ledger.totals import SETTLED
from afterword_sidecar.service import Refused, Service
from afterword_sidecar.spool import SpoolReader
from afterword_sidecar.stores.sqlite import SqliteStore

PROCESSES: Final = 100
TASKS_EACH: Final = 3
ROUNDS: Final = 5
MOST_SECONDS: Final = 30.0


class TellingStore(SqliteStore):
    """The SQLite store, and an event after every commit."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.committed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def commit(self, changes: Changes) -> None:
        """As the contract says; tells afterwards."""
        super().commit(changes)
        self._loop.call_soon_threadsafe(self.committed.set)


@contextmanager
def spool_directory() -> Iterator[Path]:
    """A directory in memory where there is one, as is recommended."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as spool:
        yield Path(spool)


@contextmanager
def killed_at_the_end() -> Iterator[list[subprocess.Popen[bytes]]]:
    """A list of processes, of which none is left afterwards."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def start(processes: list[subprocess.Popen[bytes]], spool: Path) -> None:
    """Add the processes, in a group of their own, each with its tasks open and told."""
    environment = os.environ | {"AFTERWORD_SPOOL": str(spool)}
    command = (sys.executable, "-m", "benchmarks.pending_process", str(TASKS_EACH))
    for _ in range(PROCESSES):
        group = processes[0].pid if processes else 0
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, process_group=group)
        )
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"a process ended with {process.wait()}")


async def until(store: TellingStore, condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a commit makes ``condition`` hold."""
    async with asyncio.timeout(MOST_SECONDS):
        while not await condition():
            await store.committed.wait()
            store.committed.clear()


async def one_round(store: TellingStore, spool: Path) -> tuple[float, int]:
    """Milliseconds from the kill to the last verdict; how many commits that took."""
    service = Service(Book(Limits(), store.load(), time.time()), store)
    reader = SpoolReader(str(spool), service, refused=Refused)

    async def all_open() -> bool:
        return (await service.view()).open_tasks == PROCESSES * TASKS_EACH

    async def all_lost() -> bool:
        totals = (await service.view()).totals.values()
        lost = sum(
            total.value
            for total in totals
            if total.metric == SETTLED
            and DROPPED in total.labels
            and isinstance(total.value, float)
        )
        return lost == PROCESSES * TASKS_EACH

    await service.start()
    await reader.start()
    with killed_at_the_end() as processes:
        await asyncio.to_thread(start, processes, spool)
        await until(store, all_open)
        commits = service.stats.commits
        began = time.perf_counter()
        os.killpg(processes[0].pid, signal.SIGKILL)  # one call, so that it kills all at once
        await until(store, all_lost)
        seconds = time.perf_counter() - began
        commits = service.stats.commits - commits
    await reader.stop()
    await service.stop()
    return seconds * 1000, commits


async def rounds() -> dict[str, float]:
    """``kill_to_verdict_ms``, and what it is the median of."""
    measured = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder, spool_directory() as spool:
            measured.append(await one_round(TellingStore(Path(folder) / "book.sqlite"), spool))
    milliseconds = [each for each, _ in measured]
    return {
        "kill_to_verdict_ms": median(milliseconds),
        "kill_to_verdict_ms_best_round": min(milliseconds),
        "kill_to_verdict_ms_worst_round": max(milliseconds),
        "kill_to_verdict_commits": median(commits for _, commits in measured),
    }


def measure() -> dict[str, float]:
    """``kill_to_verdict_ms``, the slowest of 100 processes, with the raw figures beside it."""
    return uvloop.run(rounds())


if __name__ == "__main__":
    print(json.dumps(measure()))

"""What the SQLite store's own part costs: commits as a book grows, and memory for open tasks.

``figures()`` for ``make bench``; ``python benchmarks/store.py`` prints them.
"""

import gc
import json
import os
import random
import statistics
import tempfile
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from afterword_sidecar.ledger.facts import Source
from afterword_sidecar.ledger.records import (
    Changes,
    DeadLetter,
    DeadLetterRow,
    OpenTask,
    Series,
    SettledTask,
    TaskKey,
    Verdict,
)
from afterword_sidecar.stores.sqlite import SqliteStore

FEW: Final = 10_000
MANY: Final = 1_000_000
CLOSED_AT_ONCE: Final = 1_000
BATCH: Final = 500
ROUNDS: Final = 31
STREAMS: Final = [Source(bytes([each]) * 16, "shop", f"shop-{each}") for each in range(10)]
SERIES: Final = [Series("shop", f"task_{each}", "starlette", "app") for each in range(5)]


def opening(number: int) -> OpenTask:
    """An open task as the instrumentation tells it: traced, with a deadline, in an invocation."""
    series = SERIES[number % len(SERIES)]
    return OpenTask(
        STREAMS[number % len(STREAMS)],
        number * 3 + 1,
        series,
        series.task,
        1e9 + number / 7,
        1e9 + number / 7 + 30,
        2.0,
        os.urandom(33),
        invocation=f"invocation-{number // 3}",
        function=f"shop.mail.{series.task}",
        route="/checkout/{cart}",
        received_at=1e9 + number / 7 + 0.01,
    )


def letter(stream: bytes, sequence: int) -> DeadLetter:
    """What is left of a task whose process died."""
    task = msgspec.structs.replace(
        opening(sequence // 3), source=STREAMS[stream[0]], sequence=sequence
    )
    verdict = Verdict("dropped", "instance_lost", "proven", 13, task.received_at + 9)
    return DeadLetter(SettledTask(task, verdict))


def key_of(task: OpenTask) -> TaskKey:
    return (task.source.stream, task.sequence)


class Spent(NamedTuple):
    """Seconds of a commit."""

    elapsed: float
    cpu: float


class Shelf:
    """A book with so many open tasks."""

    def __init__(self, directory: Path, count: int) -> None:
        self.store = SqliteStore(directory / f"{count}.db")
        self.store.load()
        self._chance = random.Random(count)
        self._next = 0
        self._open: list[TaskKey] = []
        for _ in range(0, count, 10_000):
            self.open(10_000)

    def open(self, count: int) -> Spent:
        """Open tasks in one commit."""
        tasks = [opening(self._next + each) for each in range(count)]
        self._next += count
        self._open += map(key_of, tasks)
        return self._timed(Changes(opened=tasks))

    def close_some(self, *, letters: bool) -> Spent:
        """Close tasks from all over the book, in one commit, with a dead letter each if asked."""
        closed = []
        for _ in range(CLOSED_AT_ONCE):  # each costs the same, however many are open
            at = self._chance.randrange(len(self._open))
            self._open[at], self._open[-1] = self._open[-1], self._open[at]
            closed.append(self._open.pop())
        dead = [DeadLetterRow(letter(stream, sequence)) for stream, sequence in closed if letters]
        return self._timed(Changes(closed=closed, dead_letters=dead))

    def _timed(self, changes: Changes) -> Spent:
        elapsed, cpu = time.perf_counter(), time.process_time()
        self.store.commit(changes)
        return Spent(time.perf_counter() - elapsed, time.process_time() - cpu)


@contextmanager
def shelves() -> Iterator[tuple[Shelf, Shelf]]:
    """A small book and a large one, side by side on the same disk."""
    with tempfile.TemporaryDirectory() as directory:
        few, many = (Shelf(Path(directory), count) for count in (FEW, MANY))
        with closing(few.store), closing(many.store):
            yield few, many


def growth() -> dict[str, float]:
    """Commits of a large book against those of a small one: interleaved, medians.

    ``store_growth_ratio`` is of processor time, for a commit that a sweep makes: 1,000 tasks from
    all over the book closed, a dead letter each. Elapsed times stand beside it, and what bare
    closings and openings cost; the very same syncs take one to ten milliseconds on a shared disk.
    """
    spent: dict[tuple[str, str], list[Spent]] = defaultdict(list)
    with shelves() as (few, many):
        gc.collect()
        gc.freeze()  # what a pass over a million objects costs is the ledger's figure, not ours
        pair = [("10k", few), ("1m", many)]
        for number in range(ROUNDS):
            for name, shelf in pair if number % 2 else pair[::-1]:
                spent["sweep", name].append(shelf.close_some(letters=True))
                spent["close", name].append(shelf.close_some(letters=False))
                spent["open", name] += [
                    shelf.open(BATCH) for _ in range(2 * CLOSED_AT_ONCE // BATCH)
                ]
        gc.unfreeze()
    figures: dict[str, float] = {}
    for (kind, name), each in spent.items():
        middle, tasks = _median(each), BATCH if kind == "open" else CLOSED_AT_ONCE
        figures[f"store_{kind}_us_a_task_{name}_open"] = middle.elapsed / tasks * 1e6
        figures[f"store_{kind}_cpu_us_a_task_{name}_open"] = middle.cpu / tasks * 1e6
    for kind in ("sweep", "sweep_cpu"):
        large, small = (figures[f"store_{kind}_us_a_task_{name}_open"] for name in ("1m", "10k"))
        figures[f"store_growth_{'' if kind == 'sweep_cpu' else 'elapsed_'}ratio"] = large / small
    return figures


def _median(spent: list[Spent]) -> Spent:
    return Spent(*(statistics.median(each) for each in zip(*spent, strict=True)))


def memory() -> dict[str, float]:
    """Bytes that the store itself keeps for each of a million open tasks, in memory and on disk.

    The tasks are the ledger's: they were there before the counting begins.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "book.db"
        store = SqliteStore(path)
        store.load()
        tasks = [opening(number) for number in range(MANY)]
        tracemalloc.start()
        for first in range(0, MANY, BATCH):
            store.commit(Changes(opened=tasks[first : first + BATCH]))
        own, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        disk = path.stat().st_size
        store.close()
        del tasks
        start = time.perf_counter()
        with closing(SqliteStore(path)) as again:
            saved = again.load()
            seconds = time.perf_counter() - start
            assert len(saved.open_tasks) == MANY
    return {
        "store_bytes_per_open_task": own / MANY,
        "store_disk_bytes_per_open_task": disk / MANY,
        "store_load_seconds_1m": seconds,
    }


def figures() -> dict[str, float]:
    """All figures of the store by name."""
    return {**growth(), **memory()}


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))

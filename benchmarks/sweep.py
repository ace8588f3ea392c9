"""A sweep of 1,000 due tasks with its commit: a million tasks open against ten thousand.

Two books in processes of their own, swept in turn; each sweep pronounces 1,000 tasks scattered
over all streams, writes their dead letters and commits. The ratio of the medians.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice, repeat
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.book_process import BookProcess
from benchmarks.reporting_process import ReportingProcess

PROCESSES: Final = 20
AT_ONCE: Final = 250
DUE: Final = 1_000
ROUNDS: Final = 9
FEW: Final = 10_000
MANY: Final = 1_000_000
FAR_OFF_SECONDS: Final = 86_400.0
FIRST_DUE_SECONDS: Final = 300.0
BETWEEN_SECONDS: Final = 30.0
GRACE_SECONDS: Final = 2.0


def measure() -> dict[str, float]:
    """``sweep_growth_ratio`` and the medians it is made of, in milliseconds."""
    with (
        tempfile.TemporaryDirectory() as folder,
        BookProcess(Path(folder) / "few.db") as few,
        BookProcess(Path(folder) / "many.db") as many,
    ):
        began = time.time()
        fleets = {book: _fill(book, size, began) for book, size in ((few, FEW), (many, MANY))}
        seconds: dict[BookProcess, list[float]] = {few: [], many: []}
        for number in range(ROUNDS):
            due = began + FIRST_DUE_SECONDS + number * BETWEEN_SECONDS + GRACE_SECONDS
            for book, fleet in fleets.items():
                seconds[book].append(_sweep(book, due))
                _open(book, fleet, repeat(began + FAR_OFF_SECONDS, DUE))
    return {
        "sweep_growth_ratio": median(seconds[many]) / median(seconds[few]),
        "sweep_milliseconds_million_open": median(seconds[many]) * 1000,
        "sweep_milliseconds_ten_thousand_open": median(seconds[few]) * 1000,
    }


def _fill(book: BookProcess, size: int, began: float) -> list[ReportingProcess]:
    """Open so many tasks, in no order of deadlines; the due ones fall due round by round."""
    fleet = [ReportingProcess(number) for number in range(1, PROCESSES + 1)]
    _open(book, fleet, _deadlines(size, began))
    _, tasks_open = book.weigh()
    if tasks_open != size:
        raise RuntimeError(f"{size} tasks should be open in the book, and {tasks_open} are")
    return fleet


def _open(book: BookProcess, fleet: list[ReportingProcess], deadlines: Iterable[float]) -> None:
    waiting = iter(deadlines)
    for process in cycle(fleet):
        opened = [process.open(deadline) for deadline in islice(waiting, AT_ONCE)]
        if not opened:
            return
        book.take(process.request(opened))


def _deadlines(size: int, began: float) -> Iterator[float]:
    due = [
        began + FIRST_DUE_SECONDS + number * BETWEEN_SECONDS
        for number in range(ROUNDS)
        for _ in range(DUE)
    ]
    far_off = [began + FAR_OFF_SECONDS] * (size - len(due))
    every = due + far_off
    random.Random(1).shuffle(every)
    yield from every


def _sweep(book: BookProcess, due: float) -> float:
    """Come to within a second of ``due`` as a sidecar does, second by second; time what is left."""
    for second in range(int(BETWEEN_SECONDS) - 2, 1, -1):
        book.sweep(due - second)
    seconds, pronounced = book.sweep(due + 1.0)
    if pronounced != DUE:
        raise RuntimeError(f"{DUE} tasks were due, and {pronounced} were pronounced upon")
    return seconds


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)

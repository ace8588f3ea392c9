"""Memory per open task: resident bytes of a fresh process, before and after. The worse of two.

Under churn: a million tasks flow through, 10,000 open at any time, deadlines a day off, closed in
no order; the median of three. What a book forgets too late shows here, divided by few tasks. And a
million tasks open.
"""

import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from afterword.evidence import Opening
from benchmarks.book_process import BookProcess
from benchmarks.reporting_process import ReportingProcess

PROCESSES: Final = 20
AT_ONCE: Final = 250
PAYLOAD: Final = json.dumps("x" * 1000)
DEADLINE_SECONDS: Final = 86_400.0
RUNS: Final = 3
OPEN_UNDER_CHURN: Final = 10_000
MANY: Final = 1_000_000


def churned(flowing: int) -> float:
    """Bytes a task, 10,000 open, after ``flowing`` tasks have come and gone."""
    with tempfile.TemporaryDirectory() as folder, BookProcess(Path(folder) / "book.db") as book:
        processes = _warm_up(book)
        before, none = book.weigh()
        chance = random.Random(1)
        running: list[list[Opening]] = [[] for _ in processes]
        each = OPEN_UNDER_CHURN // PROCESSES
        for step in range(flowing // AT_ONCE):
            process, tasks = processes[step % PROCESSES], running[step % PROCESSES]
            opened = [process.open(_deadline()) for _ in range(AT_ONCE)]
            tasks += opened
            chance.shuffle(tasks)
            closed = [process.close(task) for task in tasks[each:]]
            del tasks[each:]
            # A closing never comes before its opening: one process tells in order.
            book.take(process.request([*opened, *closed]))
        after, tasks_open = book.weigh()
    _check(none, 0)
    _check(tasks_open, OPEN_UNDER_CHURN)
    return (after - before) / tasks_open


def many() -> float:
    """Bytes a task with a million open."""
    with tempfile.TemporaryDirectory() as folder, BookProcess(Path(folder) / "book.db") as book:
        processes = _warm_up(book)
        before, _ = book.weigh()
        for step in range(MANY // AT_ONCE):
            process = processes[step % PROCESSES]
            book.take(process.request([process.open(_deadline()) for _ in range(AT_ONCE)]))
        after, tasks_open = book.weigh()
    _check(tasks_open, MANY)
    return (after - before) / tasks_open


def measure() -> dict[str, float]:
    """``open_task_bytes`` and the two it is the worse of."""
    under_churn = median(churned(1_000_000) for _ in range(RUNS))
    with_many = many()
    return {
        "open_task_bytes": max(under_churn, with_many),
        "open_task_bytes_under_churn": under_churn,
        "open_task_bytes_million_open": with_many,
    }


def _warm_up(book: BookProcess) -> list[ReportingProcess]:
    """What is loaded and cached once is there, SQLite's two megabytes of pages above all.

    Every process has told of tasks that are over, in requests as large as those that follow; their
    dead letters fill those pages.
    """
    processes = [ReportingProcess(number) for number in range(1, PROCESSES + 1)]
    for process in processes:
        opened = [process.open(_deadline(), PAYLOAD) for _ in range(2 * AT_ONCE)]
        book.take(process.request(opened))
        book.take(process.request([process.fail(task) for task in opened]))
    return processes


def _deadline() -> float:
    return time.time() + DEADLINE_SECONDS


def _check(is_open: int, expected: int) -> None:
    if is_open != expected:
        raise RuntimeError(f"{expected} tasks should be open in the book, and {is_open} are")


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)

"""What truly happened, in the words of the application under test.

One line before a task is handed over, one when it begins, one at its end, written by the task
itself. Nothing here knows of Afterword. Every line is on the disk before the application goes on,
so that ``kill -9`` takes back nothing.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from worlds.faults.fault import (
    CANCELLED,
    COMPLETED,
    FAILED,
    OVERDUE,
    SHUTDOWN,
    TIMED_OUT,
    TIMEOUT_RAISED,
    Expected,
    Verdict,
    expect,
    inferred,
)

TIMER_EARLY_SECONDS: Final = 0.005
"""A timer may fire a little before its time by the log's finer clock."""


def true_now() -> float:
    """Unix seconds by the kernel's clock, also where a row shifts ``time.time``."""
    return time.clock_gettime(time.CLOCK_REALTIME)


class TruthLog:
    """An append-only file of JSON lines, shared by all processes of a row."""

    def __init__(self, path: Path | str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.eager = True
        """Every line is seen on the disk at once; else at ``sync``, for crowds."""

    def write(self, event: str, number: int = 0, **told: Any) -> None:
        """Append one line and see it on the disk."""
        self.write_all([(event, number, told)])

    def write_all(self, events: Iterable[tuple[str, int, Mapping[str, Any]]]) -> None:
        """Append many lines and see them on the disk, once for all of them."""
        at, pid = true_now(), os.getpid()
        lines = "".join(
            json.dumps({"event": event, "number": number, "pid": pid, "at": at, **told}) + "\n"
            for event, number, told in events
        )
        os.write(self._fd, lines.encode())
        if self.eager:
            self.sync()

    def sync(self) -> None:
        """See everything on the disk."""
        os.fsync(self._fd)

    def hand_over(self, number: int, **told: Any) -> None:
        """Task ``number`` is about to be handed over.

        ``timeout_seconds`` and ``deadline`` (Unix seconds, true time) are told where there are any.
        """
        self.write("handed_over", number, **told)

    def stop(self) -> None:
        """This process is about to stop: what is cancelled from now on is so by its stop."""
        self.write("stopping")

    def cancel(self, number: int) -> None:
        """The application is about to cancel it."""
        self.write("cancel", number)

    @contextmanager
    def of(self, number: int) -> Iterator[None]:
        """Wraps the body of a task, inside it: its beginning and its end are written down."""
        self.write("began", number)
        how, error = "returned", ""
        try:
            yield
        except asyncio.CancelledError:
            how = "cancelled"
            raise
        except GeneratorExit:
            how = ""  # it did not end: it was closed by the garbage collector
            raise
        except BaseException as raised:
            how, error = "raised", type(raised).__name__
            raise
        finally:
            if how:
                self.write("ended", number, how=how, error=error)


class Told(NamedTuple):
    """All that the log says of one task."""

    number: int
    pid: int
    """Of the process that handed it over."""
    handed_over_at: float
    timeout_seconds: float | None = None
    deadline: float | None = None
    """Unix seconds, true time."""
    began_at: float | None = None
    ended_at: float | None = None
    how: str = ""
    """``returned``, ``raised``, ``cancelled``; empty while it has not ended."""
    error: str = ""
    cancelled_at: float | None = None
    """When the application cancelled it by itself."""
    stopped: bool = False
    """Its process was stopping when it ended."""

    @property
    def ended_late(self) -> bool:
        """Whether it ended when its deadline was over."""
        if self.deadline is None or self.ended_at is None:
            return False
        return self.ended_at >= self.deadline


class OpenEndedError(Exception):
    """The log does not say what became of a task."""


def read(path: Path) -> dict[int, Told]:
    """Every task that was handed over, by its number."""
    told: dict[int, Told] = {}
    stopping: set[int] = set()
    for text in path.read_text().splitlines():
        line = json.loads(text)
        number, at = line["number"], line["at"]
        match line["event"]:
            case "handed_over":
                timeout, deadline = line.get("timeout_seconds"), line.get("deadline")
                told[number] = Told(number, line["pid"], at, timeout, deadline)
            case "began":
                told[number] = told[number]._replace(began_at=at)
            case "ended":
                told[number] = told[number]._replace(
                    ended_at=at,
                    how=line["how"],
                    error=line["error"],
                    stopped=line["pid"] in stopping,
                )
            case "stopping":
                stopping.add(line["pid"])
            case "cancel":
                told[number] = told[number]._replace(cancelled_at=at)
    return told


def last_word(path: Path) -> tuple[str, int]:
    """The last event of the log, and of which task it was."""
    line = json.loads(path.read_text().splitlines()[-1])
    return str(line["event"]), int(line["number"])


def verdict_of(task: Told) -> Verdict:
    """How a task that ended by itself must stand in the book. Raises ``OpenEndedError``."""
    if task.how == "returned":
        return COMPLETED
    if task.how == "raised":
        return TIMEOUT_RAISED if task.error == "TimeoutError" else FAILED
    if task.how == "cancelled":
        if task.cancelled_at is not None:
            return CANCELLED
        if task.stopped:
            return SHUTDOWN
        if task.timeout_seconds is not None and task.ended_at is not None:
            lasted = task.ended_at - task.handed_over_at
            if lasted >= task.timeout_seconds - TIMER_EARLY_SECONDS:
                return TIMED_OUT
    raise OpenEndedError(f"task {task.number}: {task}")


def expectations(
    told: Mapping[int, Told],
    unended: Callable[[Told], Expected] | None = None,
    *,
    grace_seconds: float = 0.0,
) -> dict[int, Expected]:
    """What is expected of each task: its own end, else what ``unended`` says of the row.

    ``grace_seconds``: how long after a deadline nobody may call its task overdue.
    """
    return {
        number: with_truth(
            task, _own(task) if task.how or unended is None else unended(task), grace_seconds
        )
        for number, task in told.items()
    }


def with_truth(task: Told, expected: Expected, grace_seconds: float = 0.0) -> Expected:
    """With what holds whatever became of it: whether it began, and when it may be overdue."""
    due_at = expected.due_at if task.deadline is None else task.deadline + grace_seconds
    return expected._replace(began=task.began_at is not None, due_at=due_at)


def _own(task: Told) -> Expected:
    """As it ended. On a slow machine that may be after its deadline: an alarm before is true."""
    expected = expect(verdict_of(task), sealed_at=task.ended_at)
    if task.ended_late:
        return expected._replace(alarms=frozenset({inferred(*OVERDUE)}))
    return expected

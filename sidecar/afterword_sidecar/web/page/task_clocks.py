"""Whose clock a moment of a task is by, and what may be said across two clocks. Pure.

A task's own events are by the clock of its process, verdicts and what led to them by the sidecar's.
Nothing is subtracted across the two, unless they are one: a lock is seen on the same kernel only.
"""

from collections.abc import Iterator
from typing import Final

from afterword import names
from afterword_sidecar.ledger.verdicts import SPAN, SPOOL_GONE, STREAM_ENDED
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import words

_ON_THE_SAME_KERNEL: Final = {STREAM_ENDED, SPOOL_GONE}
_TOLD_BY_PROCESSES: Final = {
    names.EVENT_SCHEDULED,
    names.EVENT_STARTED,
    names.EVENT_PENDING,
    names.EVENT_SETTLED,
    names.EVENT_INVOCATION,
    names.EVENT_ROLLUP,
    SPAN,
}
_AHEAD_SECONDS: Final = 0.001


def by_sidecar(kind: str) -> bool:
    """Whether evidence of this kind has its time from the sidecar's clock."""
    return kind not in _TOLD_BY_PROCESSES


def one_clock(task: shapes.Task) -> bool:
    """Whether the task's process is known to have had the sidecar's clock."""
    return any(evidence.kind in _ON_THE_SAME_KERNEL for evidence in _evidence(task))


def age_seconds(task: shapes.Task, now: str) -> float:
    """For how long a task in flight has run, at least; ``now`` is the sidecar's.

    A process whose clock is ahead says that it handed over what it had not yet.
    """
    return max(
        words.seconds_between(task.scheduled_at, now),
        words.seconds_between(task.received_at, now),
    )


def left_seconds(task: shapes.Task, now: str) -> float | None:
    """Until its deadline; ``None``: it has none."""
    if task.deadline is None:
        return None
    return words.seconds_between(task.scheduled_at, task.deadline) - age_seconds(task, now)


def ended_at(task: shapes.Task) -> str | None:
    """When its life was over, by its own clock; ``None``: not known, or not over."""
    if task.settled_at is not None or task.verdict is None or not one_clock(task):
        return task.settled_at
    return task.verdict.clock.lock_fell_at if task.verdict.clock else None


def life_seconds(task: shapes.Task) -> float | None:
    """From the handing over to the end; ``None`` where that is not known."""
    ended = ended_at(task)
    if ended is None:
        return None
    whole = words.seconds_between(task.scheduled_at, ended)
    return whole if whole >= 0 else task.duration_seconds  # its clock was set back meanwhile


def ahead_seconds(task: shapes.Task) -> float:
    """How far the clock of its process is ahead of the sidecar's, at least; 0: not for certain."""
    ahead = words.seconds_between(task.received_at, task.scheduled_at)
    return ahead if ahead > _AHEAD_SECONDS else 0.0


def _evidence(task: shapes.Task) -> Iterator[shapes.Evidence]:
    for verdict in (*task.history, *((task.verdict,) if task.verdict else ())):
        yield from verdict.evidence

"""What silence means: rules 9 to 14 of ``docs/semantics.md``, read anew from there.

Nothing here is taken from the ledger, and nothing may be: an error of the ledger's that were
shared could not be found. First a sign that the task will not speak any more, then the first rule
that matches.
"""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.verifying.known import Cite, Conclusion, Stream, Task

Limits = dict[str, float]


class Sign(msgspec.Struct, frozen=True):
    """Why nothing more will come, since when, and when the process died, if that is it."""

    cite: Cite
    due: float
    died_at: float | None = None


class Case(msgspec.Struct, frozen=True):
    """A task before its judge."""

    task: Task
    stream: Stream
    sign: Sign
    now: float
    offset: float
    grace: float
    more_settled: bool
    """The stream has told of more closings than have arrived."""

    @property
    def pending_reason(self) -> str:
        """Of its earliest pending note."""
        return self.task.pending[1] if self.task.pending else ""

    @property
    def out_of_time(self) -> bool:
        """Its deadline and grace are over, or its process died when the guard was to speak."""
        if self.task.deadline is None:
            return False
        deadline = self.task.deadline + self.offset
        near = deadline - self.task.lead_seconds
        found_dead_at = self.stream.lock_fell_at or self.stream.spool_gone_at
        if found_dead_at:
            return found_dead_at >= near and self._lived_until(near, found_dead_at)
        died_at = self.sign.died_at
        about_then = died_at is not None and died_at >= near
        return about_then or self.now >= deadline + self.grace

    def _lived_until(self, near: float, found_dead_at: float) -> bool:
        """Found dead after its deadline came near: had it died before, by the guard's silence?"""
        told = self.pending_reason == names.PENDING_DEADLINE_NEAR
        seen_alive = (self.stream.known_alive_at or found_dead_at) >= near
        return seen_alive or told or not self.task.lead_seconds


def _stopped(case: Case) -> bool:
    cut_off_in_time = case.out_of_time and case.pending_reason == names.PENDING_DEADLINE_NEAR
    said_goodbye = case.stream.down is not None and not cut_off_in_time
    return case.pending_reason == names.PENDING_SHUTDOWN or said_goodbye


def _evidence_lost(case: Case) -> bool:
    return case.more_settled and case.stream.gap_after(case.task.opening)


_EVIDENCE_LOST_RULE: Final = 9
RULES: Final[tuple[tuple[int, str, str, Callable[[Case], bool]], ...]] = (
    (_EVIDENCE_LOST_RULE, names.UNKNOWN, "evidence_lost", _evidence_lost),
    (10, names.DROPPED, "never_started", lambda case: never_began(case.task, case.stream)),
    (11, names.DROPPED, "shutdown", _stopped),
    (12, names.TIMED_OUT, "platform_deadline", lambda case: case.out_of_time),
    (13, names.DROPPED, "instance_lost", lambda case: case.sign.died_at is not None),
    (14, names.DROPPED, "expired", lambda _case: True),
)


def conclude(
    task: Task,
    stream: Stream,
    now: float,
    hold_until: float,
    limits: Limits,
    *,
    offset: float,
    more_settled: bool,
) -> Conclusion | None:
    """The verdict on an open task at ``now``; ``None`` while it may well be running."""
    sign = _sign(task, stream, now, hold_until, limits, offset)
    if sign is None:
        return None
    grace = limits["grace_seconds"]
    case = Case(task, stream, sign, now, offset, grace, more_settled)
    rule, outcome, reason, _ = next(row for row in RULES if row[3](case))
    proven = stream.lock_fell_at > 0 and death_proves(rule, task, stream)
    return Conclusion(
        outcome,
        reason,
        names.PROVEN if proven else names.INFERRED,
        rule,
        now,
        final=proven,
        cite=sign.cite,
        clock=shapes.Clock(
            offset,
            grace,
            sign.due,
            stream.known_alive_at,
            stream.lock_fell_at,
            stream.lease_until,
            hold_until,
        ),
        missing=_missing(task, stream) if reason == "evidence_lost" else None,
    )


def death_proves(rule: int, task: Task, stream: Stream) -> bool:
    """Nothing told after its opening is missing, or the verdict is that something is."""
    return rule == _EVIDENCE_LOST_RULE or not stream.gap_after(task.opening)


def _missing(task: Task, stream: Stream) -> tuple[int, int, int, int, int]:
    told_of = stream.settled_arrived + max(stream.closings_due, stream.closings_lost)
    return (*stream.heard.missing_after(task.opening), told_of, stream.settled_arrived)


def never_began(task: Task, stream: Stream) -> bool:
    """Its invocation is over, it has not begun, and nothing told in between is missing."""
    over = task.over
    return over is not None and task.started is None and stream.unbroken(task.opening, over[1])


def _sign(
    task: Task, stream: Stream, now: float, hold_until: float, limits: Limits, offset: float
) -> Sign | None:
    fell_at = stream.lock_fell_at
    if fell_at:
        return Sign(("stream_ended", 0, fell_at), fell_at, fell_at)
    if task.over is not None and never_began(task, stream):
        return Sign(task.over, now)
    if now < hold_until:
        return None
    return next((s for s in _signs_of_silence(task, stream, limits, offset) if s.due <= now), None)


def _signs_of_silence(task: Task, stream: Stream, limits: Limits, offset: float) -> Iterator[Sign]:
    grace = limits["grace_seconds"]
    if stream.down is not None:
        yield Sign(stream.down, stream.down[2] + grace, stream.down[2])
    due = _due(task, stream, limits, offset)
    by_deadline = task.deadline is not None and due >= task.deadline + offset
    yield Sign(("deadline" if by_deadline else "silence", 0, due), due)
    if stream.lease_until:
        until = stream.lease_until
        yield Sign(("lease_lapsed", 0, until), until + grace, until)
    if stream.spool_gone_at:
        gone_at = stream.spool_gone_at
        yield Sign(("spool_gone", 0, gone_at), gone_at + grace, gone_at)


def _due(task: Task, stream: Stream, limits: Limits, offset: float) -> float:
    """When time alone is enough: never later than a stream is remembered."""
    vouched_for = max(task.heard_at, stream.vouched_for(task.opening))
    dues = [vouched_for + limits["stream_retention_seconds"]]
    if task.deadline is None:
        dues.append(vouched_for + limits["longest_life_seconds"])
    else:
        dues.append(task.deadline + offset + limits["grace_seconds"])
    stopping = task.pending is not None and task.pending[1] == names.PENDING_SHUTDOWN
    if stopping and not stream.death_will_show:
        dues.append(task.heard_at + limits["shutdown_patience_seconds"])
    return min(dues)

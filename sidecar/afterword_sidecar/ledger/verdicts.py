"""Why a task is lost: rows 9 to 14 of the outcome table, as one pure function. First match wins.

| rule | outcome | reason | when |
|---|---|---|---|
| 9 | unknown | evidence_lost | a hole after the opening, and more has settled than has arrived |
| 10 | dropped | never_started | its invocation ended, and it never began |
| 11 | dropped | shutdown | ``pending``/``shutdown``, or the process went down; then no closing |
| 12 | timed_out | platform_deadline | no closing by deadline + grace, or it died about then |
| 13 | dropped | instance_lost | the stream's lock fell, or its lease lapsed |
| 14 | dropped | expired | nothing heard of it within the longest life allowed |
"""

from typing import Final

import msgspec

from afterword import names
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Cited, ClockBounds, OpenTask, Verdict

STREAM_ENDED: Final = "stream_ended"
LEASE_LAPSED: Final = "lease_lapsed"
SILENCE: Final = "silence"
DEADLINE: Final = "deadline"
SPAN: Final = "span"
EVIDENCE_LOST: Final = "evidence_lost"

OBSERVED_RULES: Final = {
    (names.COMPLETED, "completed"): 1,
    (names.TIMED_OUT, "timeout"): 2,
    (names.TIMED_OUT, "raised"): 2,
    (names.FAILED, "exception"): 3,
    (names.CANCELLED, "cancelled"): 4,
    (names.CANCELLED, "disconnected"): 4,
    (names.DROPPED, "no_context"): 5,
    (names.DROPPED, "refused"): 5,
    (names.DROPPED, "skipped"): 6,
    (names.DROPPED, "abandoned"): 7,
    (names.UNKNOWN, "span_unset"): 8,
    (names.DROPPED, "shutdown"): 11,
}
"""Which row a closing of the task's own falls under."""

RULE_OF_OUTCOME: Final = {
    names.COMPLETED: 1,
    names.TIMED_OUT: 2,
    names.FAILED: 3,
    names.CANCELLED: 4,
    names.DROPPED: 5,
    names.UNKNOWN: 8,
}
"""The first row of an outcome, for a closing with a reason of nobody's list (``other``)."""


class Circumstances(msgspec.Struct, frozen=True, gc=False):
    """What the rules need to know of a task's stream at the moment of judging."""

    offset_seconds: float = 0.0
    death_will_show: bool = False
    """Its process holds a lock that falls when it dies, or has promised to beat until then."""
    vouched_at: float = 0.0
    """When the process last showed that what is open is under way; see ``StreamState``."""
    lock_fell_at: float = 0.0
    down_at: float = 0.0
    down_sequence: int = 0
    lease_until: float = 0.0
    hold_until: float = 0.0
    """Nothing is inferred from silence before this (after a start or a stall)."""
    hole_after_opening: bool = False
    hole_within_invocation: bool = False
    """A number is missing between the opening and the record of the invocation's end."""
    settled_missing: bool = False
    """The stream's totals say that more has settled than has arrived."""


class _Trigger(msgspec.Struct, frozen=True, gc=False):
    """What makes silence mean something, and when it began to."""

    cited: Cited
    due: float
    died_at: float | None = None


def infer(task: OpenTask, seen: Circumstances, now: float, limits: Limits) -> Verdict | None:
    """The verdict on an open task, or ``None`` while it may well be running."""
    trigger = _trigger(task, seen, now, limits)
    if trigger is None:
        return None
    rule, outcome, reason = _decide(task, seen, trigger, now, limits)
    proven = seen.lock_fell_at > 0
    return Verdict(
        outcome=outcome,
        reason=reason,
        basis=names.PROVEN if proven else names.INFERRED,
        rule=rule,
        at=now,
        evidence=(*told_of(task), trigger.cited),
        clock=ClockBounds(
            offset_seconds=seen.offset_seconds, grace_seconds=limits.grace_seconds, due=trigger.due
        ),
        final=proven,
    )


def told_of(task: OpenTask) -> tuple[Cited, ...]:
    """The evidence a task itself has left so far, in the order of its life."""
    cited: tuple[Cited, ...] = (Cited(names.EVENT_SCHEDULED, task.sequence, task.scheduled_at),)
    if task.started_sequence:
        cited += (Cited(names.EVENT_STARTED, task.started_sequence, task.started_at),)
    if task.notes.pending_sequence:
        cited += (Cited(names.EVENT_PENDING, task.notes.pending_sequence, task.notes.pending_at),)
    return cited


def due_at(
    task: OpenTask,
    offset_seconds: float,
    limits: Limits,
    *,
    death_will_show: bool,
    vouched_at: float,
) -> float:
    """When time alone makes the task due, on the sidecar's clock.

    A task without a deadline may live as long as its process vouches for it, and the longest life
    beyond. A process that said it is stopping is not waited for as long as one that runs, unless it
    will show when it is gone. A deadline further away than a stream is remembered cannot be waited
    for: such a task falls due as if it had none, after that retention.
    """
    heard_at = max(task.heard_at, vouched_at)
    forgotten_at = heard_at + limits.stream_retention_seconds
    if task.deadline is None:
        due = heard_at + limits.longest_life_seconds
    else:
        due = task.deadline + offset_seconds + limits.grace_seconds
    if task.notes.pending_reason == names.PENDING_SHUTDOWN and not death_will_show:
        due = min(due, task.heard_at + limits.shutdown_patience_seconds)
    return min(due, forgotten_at)


def _trigger(task: OpenTask, seen: Circumstances, now: float, limits: Limits) -> _Trigger | None:
    if seen.lock_fell_at:
        at = seen.lock_fell_at
        return _Trigger(Cited(STREAM_ENDED, 0, at), due=at, died_at=at)
    if _never_began(task, seen):
        notes = task.notes
        over = Cited(
            names.EVENT_INVOCATION, notes.invocation_over_sequence, notes.invocation_over_at
        )
        return _Trigger(over, due=now)
    return None if now < seen.hold_until else _silence(task, seen, now, limits)


def _silence(task: OpenTask, seen: Circumstances, now: float, limits: Limits) -> _Trigger | None:
    if seen.down_at and now >= (due := seen.down_at + limits.grace_seconds):
        down = Cited(names.EVENT_INSTANCE, seen.down_sequence, seen.down_at)
        return _Trigger(down, due=due, died_at=seen.down_at)
    due = due_at(
        task,
        seen.offset_seconds,
        limits,
        death_will_show=seen.death_will_show,
        vouched_at=seen.vouched_at,
    )
    if now >= due:
        passed = task.deadline is not None and due > task.deadline + seen.offset_seconds
        return _Trigger(Cited(DEADLINE if passed else SILENCE, 0, due), due=due)
    if seen.lease_until and now >= (due := seen.lease_until + limits.grace_seconds):
        lapsed = Cited(LEASE_LAPSED, 0, seen.lease_until)
        return _Trigger(lapsed, due=due, died_at=seen.lease_until)
    return None


def _decide(
    task: OpenTask, seen: Circumstances, trigger: _Trigger, now: float, limits: Limits
) -> tuple[int, str, str]:
    if seen.hole_after_opening and seen.settled_missing:
        return 9, names.UNKNOWN, EVIDENCE_LOST
    if _never_began(task, seen):
        return 10, names.DROPPED, "never_started"
    timed_out = _out_of_time(task, seen, trigger, now, limits)
    if task.notes.pending_reason == names.PENDING_SHUTDOWN or (
        seen.down_at
        and not (timed_out and task.notes.pending_reason == names.PENDING_DEADLINE_NEAR)
    ):
        return 11, names.DROPPED, "shutdown"
    if timed_out:
        return 12, names.TIMED_OUT, "platform_deadline"
    if trigger.died_at is not None:
        return 13, names.DROPPED, "instance_lost"
    return 14, names.DROPPED, "expired"


def _never_began(task: OpenTask, seen: Circumstances) -> bool:
    return (
        task.notes.invocation_over_sequence > 0
        and task.started_sequence == 0
        and not seen.hole_within_invocation
    )


def _out_of_time(
    task: OpenTask, seen: Circumstances, trigger: _Trigger, now: float, limits: Limits
) -> bool:
    if task.deadline is None:
        return False
    deadline = task.deadline + seen.offset_seconds
    if trigger.died_at is not None and trigger.died_at >= deadline - task.guard_lead_seconds:
        return True
    return now >= deadline + limits.grace_seconds

"""Why a task is lost: rows 9 to 14 of the outcome table, as one pure function. First match wins.

| rule | outcome | reason | when |
|---|---|---|---|
| 9 | unknown | evidence_lost | a hole after the opening, and closings are known to be missing |
| 10 | dropped | never_started | its invocation ended, and it never began |
| 11 | dropped | shutdown | ``pending``/``shutdown``, or the process went down; then no closing |
| 12 | timed_out | platform_deadline | no closing by deadline + grace, or it died about then |
| 13 | dropped | instance_lost | the stream's lock fell, or its lease lapsed |
| 14 | dropped | expired | nothing heard of it within the longest life allowed |
"""

from typing import Final

import msgspec

from afterword import names
from afterword_sidecar.ledger.circumstances import Circumstances, due_at
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Cited, ClockBounds, OpenTask, Verdict

STREAM_ENDED: Final = "stream_ended"
LEASE_LAPSED: Final = "lease_lapsed"
SILENCE: Final = "silence"
DEADLINE: Final = "deadline"
SPAN: Final = "span"
EVIDENCE_LOST: Final = "evidence_lost"
SPOOL_GONE: Final = "spool_gone"

PLATFORM_DEADLINE: Final = "platform_deadline"
"""The reason of a task that its deadline cut off."""

_EVIDENCE_LOST_RULE: Final = 9
_NEVER_STARTED_RULE: Final = 10
_SHUTDOWN_RULE: Final = 11

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
    proven = seen.lock_fell_at > 0 and can_be_proven(rule, seen)
    return Verdict(
        outcome=outcome,
        reason=reason,
        basis=names.PROVEN if proven else names.INFERRED,
        rule=rule,
        at=now,
        evidence=_proof(task, seen, trigger, rule),
        clock=ClockBounds(
            offset_seconds=seen.offset_seconds,
            grace_seconds=limits.grace_seconds,
            due=trigger.due,
            alive_at=seen.alive_at,
            lock_fell_at=seen.lock_fell_at,
            lease_until=seen.lease_until,
            hold_until=seen.hold_until,
        ),
        final=proven,
        missing=seen.missing if rule == _EVIDENCE_LOST_RULE else None,
    )


def can_be_proven(rule: int, seen: Circumstances) -> bool:
    """Whether the death of the process would prove the verdict.

    Nothing can be on its way then; but a closing may be among what is missing after the opening,
    and was lost. That a closing was lost is what rule 9 says, so that it does prove.
    """
    return rule == _EVIDENCE_LOST_RULE or not seen.hole_after_opening


def _proof(task: OpenTask, seen: Circumstances, trigger: _Trigger, rule: int) -> tuple[Cited, ...]:
    """What the task told, what its stream told beside that, and what gave silence its meaning."""
    cited = told_of(task)
    if rule == _NEVER_STARTED_RULE:
        cited += (_invocation_over(task),)
    if rule == _SHUTDOWN_RULE and seen.down_at:
        cited += (_down(seen),)
    return cited if trigger.cited in cited else (*cited, trigger.cited)


def told_of(task: OpenTask) -> tuple[Cited, ...]:
    """The evidence a task itself has left so far, in the order of its life."""
    cited: tuple[Cited, ...] = (Cited(names.EVENT_SCHEDULED, task.sequence, task.scheduled_at),)
    if task.started_sequence:
        cited += (Cited(names.EVENT_STARTED, task.started_sequence, task.started_at),)
    if task.notes.pending_sequence:
        cited += (Cited(names.EVENT_PENDING, task.notes.pending_sequence, task.notes.pending_at),)
    return cited


def _trigger(task: OpenTask, seen: Circumstances, now: float, limits: Limits) -> _Trigger | None:
    if seen.lock_fell_at:
        at = seen.lock_fell_at
        return _Trigger(Cited(STREAM_ENDED, 0, at), due=at, died_at=at)
    if _never_began(task, seen):
        return _Trigger(_invocation_over(task), due=now)
    return None if now < seen.hold_until else _silence(task, seen, now, limits)


def _silence(task: OpenTask, seen: Circumstances, now: float, limits: Limits) -> _Trigger | None:
    if seen.down_at and now >= (due := seen.down_at + limits.grace_seconds):
        return _Trigger(_down(seen), due=due, died_at=seen.down_at)
    due = due_at(
        task,
        seen.offset_seconds,
        limits,
        death_will_show=seen.death_will_show,
        vouched_at=seen.vouched_at,
    )
    if now >= due:
        passed = task.deadline is not None and due >= task.deadline + seen.offset_seconds
        return _Trigger(Cited(DEADLINE if passed else SILENCE, 0, due), due=due)
    if seen.lease_until and now >= (due := seen.lease_until + limits.grace_seconds):
        lapsed = Cited(LEASE_LAPSED, 0, seen.lease_until)
        return _Trigger(lapsed, due=due, died_at=seen.lease_until)
    if seen.spool_gone_at and now >= (due := seen.spool_gone_at + limits.grace_seconds):
        gone = Cited(SPOOL_GONE, 0, seen.spool_gone_at)
        return _Trigger(gone, due=due, died_at=seen.spool_gone_at)
    return None


def _decide(
    task: OpenTask, seen: Circumstances, trigger: _Trigger, now: float, limits: Limits
) -> tuple[int, str, str]:
    if seen.hole_after_opening and seen.settled_missing:
        return _EVIDENCE_LOST_RULE, names.UNKNOWN, EVIDENCE_LOST
    if _never_began(task, seen):
        return _NEVER_STARTED_RULE, names.DROPPED, "never_started"
    timed_out = _out_of_time(task, seen, trigger, now, limits)
    if task.notes.pending_reason == names.PENDING_SHUTDOWN or (
        seen.down_at
        and not (timed_out and task.notes.pending_reason == names.PENDING_DEADLINE_NEAR)
    ):
        return _SHUTDOWN_RULE, names.DROPPED, "shutdown"
    if timed_out:
        return 12, names.TIMED_OUT, PLATFORM_DEADLINE
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
    """Whether its deadline came before its end.

    A dead process died between when it was last known to live and when it was found dead. Where the
    deadline lies between the two, as when the sidecar was away, the guard decides: had the process
    lived when the deadline came near, it would have said so. Without a guard, the deadline came.
    """
    if task.deadline is None:
        return False
    deadline = task.deadline + seen.offset_seconds
    near = deadline - task.guard_lead_seconds
    if seen.lock_fell_at or seen.spool_gone_at:
        found_dead_at = seen.lock_fell_at or seen.spool_gone_at
        if found_dead_at < near:
            return False
        told_near = task.notes.pending_reason == names.PENDING_DEADLINE_NEAR
        alive_at = seen.alive_at or found_dead_at
        return alive_at >= near or told_near or not task.guard_lead_seconds
    if trigger.died_at is not None and trigger.died_at >= near:
        return True
    return now >= deadline + limits.grace_seconds


def _invocation_over(task: OpenTask) -> Cited:
    notes = task.notes
    return Cited(names.EVENT_INVOCATION, notes.invocation_over_sequence, notes.invocation_over_at)


def _down(seen: Circumstances) -> Cited:
    return Cited(names.EVENT_INSTANCE, seen.down_sequence, seen.down_at)

"""Why a task ended as it did, in the words that its own evidence calls for. Pure.

Several rows of the outcome table stand for more than one course of events. Which of them it was the
verdict's evidence says, and so do we.
"""

from typing import Final

from afterword import names
from afterword_sidecar.ledger.verdicts import DEADLINE, LEASE_LAPSED, SPOOL_GONE, STREAM_ENDED
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import words

_CUT_OFF: Final = "platform_deadline"
_BY_REASON: Final = {
    "timeout": "Its own time-out expired and cancelled it.",
    "raised": "A TimeoutError escaped from it.",
    "cancelled": "The application cancelled it, while its process was not stopping.",
    "disconnected": "The framework cancelled it, because the client went away.",
    "no_context": "It was handed over where nothing could run it.",
    "refused": "The platform refused it.",
}
_BY_EVIDENCE_OF_DEATH: Final = {
    STREAM_ENDED: "Its process died, and all it had written was read: no end of it was there.",
    LEASE_LAPSED: "Its process had promised a beat that did not come, and it had not ended.",
    SPOOL_GONE: "Its process's lock and all it had written are gone, and it had not ended.",
    names.EVENT_INSTANCE: "Its process said goodbye, and it had not ended.",
}


def because(verdict: shapes.Verdict, deadline: str | None) -> str:
    """The rule of a verdict in one sentence. ``deadline``: of the task."""
    cited = {evidence.kind for evidence in verdict.evidence}
    if verdict.reason == _CUT_OFF:
        return _cut_off(verdict, cited, deadline) or verdict.rule.words
    if verdict.reason == "instance_lost":
        told = (text for kind, text in _BY_EVIDENCE_OF_DEATH.items() if kind in cited)
        return next(told, verdict.rule.words)
    if verdict.reason == "shutdown":
        if verdict.basis == names.OBSERVED:
            return "It was cancelled while its process was stopping."
        return "It had not ended when its process stopped."
    return _BY_REASON.get(verdict.reason, verdict.rule.words)


def in_short(task: shapes.Task) -> str | None:
    """The reason of a settled task in a few words; ``None`` where it says all by itself."""
    verdict = task.verdict
    if verdict and verdict.reason == _CUT_OFF:
        early = _died_before(verdict, task.deadline)
        if early > 0:
            return f"its process died {words.duration(early)} before its deadline"
        return "not heard to end by its deadline"
    told = words.REASONS_IN_WORDS.get(task.reason or "")
    return told if told != task.reason else None


def _cut_off(verdict: shapes.Verdict, cited: set[str], deadline: str | None) -> str:
    early = _died_before(verdict, deadline)
    if early > 0:
        return (
            f"Its process died {words.duration(early)} before its deadline, within the guard's "
            "time: taken for the platform's cut."
        )
    if early < 0:
        return f"Its process was found dead {words.duration(-early)} after its deadline."
    if DEADLINE in cited:
        return "It was not heard to end by its deadline and the grace."
    if LEASE_LAPSED in cited or names.EVENT_INSTANCE in cited:
        return "It was not heard to end, and its process fell silent about its deadline."
    return ""


def _died_before(verdict: shapes.Verdict, deadline: str | None) -> float:
    """Seconds from the fall of the lock to the deadline, of one clock; 0: no lock fell."""
    clock = verdict.clock
    if clock is None or clock.lock_fell_at is None or deadline is None:
        return 0.0
    return words.seconds_between(clock.lock_fell_at, deadline)

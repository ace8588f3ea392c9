"""What the demo takes for the truth: derived from the shop's log alone."""

from typing import Any

import pytest

from examples.demo.truth import OpenEndedError, TaskOfOrder, Verdict, fates

KEY = TaskOfOrder("order-1", "wrap")
SAID = {"order": "order-1", "task": "wrap", "pid": 7}
OPENED = {
    "event": "handed_over",
    "at": 100.0,
    "timeout_seconds": None,
    "deadline": None,
    **SAID,
}
KILLED = {"event": "killed", "worker": 7, "at": 102.5}


def ended(how: str, at: float = 101.0, error: str = "") -> dict[str, Any]:
    return {"event": "ended", "at": at, "how": how, "error": error, **SAID}


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ([ended("returned")], Verdict("completed", "completed", "observed")),
        ([ended("raised", error="KeyError")], Verdict("failed", "exception", "observed")),
        ([ended("raised", error="TimeoutError")], Verdict("timed_out", "raised", "observed")),
        (
            [{"event": "cancel_requested", **SAID}, ended("cancelled")],
            Verdict("cancelled", "cancelled", "observed"),
        ),
        ([KILLED], Verdict("dropped", "instance_lost", "proven")),
    ],
)
def test_a_fate_follows_from_the_log(more: list[dict[str, Any]], verdict: Verdict) -> None:
    """Returned, raised, cancelled by the shop, or never ended in a worker that was killed."""
    assert fates([OPENED, *more]) == {KEY: verdict}


@pytest.mark.parametrize(
    ("deadline", "verdict"),
    [
        (104.5, Verdict("timed_out", "platform_deadline", "proven")),
        (104.6, Verdict("dropped", "instance_lost", "proven")),
    ],
)
def test_whoever_was_killed_near_its_deadline_was_cut_off(
    deadline: float, verdict: Verdict
) -> None:
    """From the moment on at which it would have said where it waits; before that it was lost."""
    assert fates([OPENED | {"deadline": deadline}, KILLED]) == {KEY: verdict}


@pytest.mark.parametrize("at", [100.6, 100.5, 100.4985])
def test_a_cancellation_nobody_asked_for_is_the_timeout_that_ran_out(at: float) -> None:
    """Also where its timer fired early, as uvloop's do by up to a millisecond and a half."""
    opened = OPENED | {"timeout_seconds": 0.5}
    verdict = Verdict("timed_out", "timeout", "observed")
    assert fates([opened, ended("cancelled", at=at)]) == {KEY: verdict}


@pytest.mark.parametrize(("timeout_seconds", "at"), [(0.5, 100.4), (0.5, 100.49), (None, 200.0)])
def test_a_cancellation_before_the_timeout_is_no_truth(
    timeout_seconds: float | None, at: float
) -> None:
    """Well before it, or without one, somebody else cancelled, and the log does not say who."""
    opened = OPENED | {"timeout_seconds": timeout_seconds}
    with pytest.raises(OpenEndedError, match="by whom"):
        fates([opened, ended("cancelled", at=at)])


def test_a_task_without_end_whose_worker_lives_is_no_truth() -> None:
    """The demo must not guess: such a log is refused, whoever else was killed."""
    with pytest.raises(OpenEndedError, match="worker 7 lives"):
        fates([OPENED, KILLED | {"worker": 8}])

"""The rules 9 to 14: each case named, and what holds for all of them."""

from itertools import product
from typing import Any

import pytest

from afterword import names
from afterword_sidecar.ledger.circumstances import Circumstances
from afterword_sidecar.ledger.facts import Source
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Notes, OpenTask, Series
from afterword_sidecar.ledger.verdicts import infer

LIMITS = Limits(grace_seconds=2, longest_life_seconds=100)
T = 1000.0


def task(**fields: Any) -> OpenTask:
    series = Series("shop", "t", "vercel", "app")
    noted = {name: fields.pop(name) for name in Notes.__struct_fields__ if name in fields}
    fields = {"received_at": T, "heard_at": T, "notes": Notes(**noted), **fields}
    return OpenTask(Source(b"S" * 16, "shop"), 5, series, "t", T, **fields)


SHUTDOWN: dict[str, Any] = {
    "pending_sequence": 6,
    "pending_at": T + 3,
    "pending_reason": names.PENDING_SHUTDOWN,
}
NEAR = {**SHUTDOWN, "pending_reason": names.PENDING_DEADLINE_NEAR}
OVER = {"invocation_over_sequence": 9, "invocation_over_at": T + 5}
LOST: dict[str, Any] = {"hole_after_opening": True, "settled_missing": True}

CASES: list[tuple[str, dict[str, Any], dict[str, Any], float, str | None]] = [
    # name, the task, the circumstances, now - T, rule/outcome/reason/basis
    ("fresh", {}, {}, 1, None),
    ("before its deadline", {"deadline": T + 10}, {}, 11.9, None),
    ("past deadline and grace", {"deadline": T + 10}, {}, 12, "12/timed_out/platform_deadline"),
    ("clock behind ours", {"deadline": T + 10}, {"offset_seconds": 5}, 16.9, None),
    (
        "clock behind ours, later",
        {"deadline": T + 10},
        {"offset_seconds": 5},
        17,
        "12/timed_out/platform_deadline",
    ),
    (
        "clock an hour ahead of ours",
        {"deadline": T + 3610},
        {"offset_seconds": -3600},
        12,
        "12/timed_out/platform_deadline",
    ),
    ("just started or stalled", {"deadline": T + 10}, {"hold_until": T + 50}, 40, None),
    ("no deadline, alive", {}, {}, 99, None),
    ("no deadline, silent", {}, {}, 100, "14/dropped/expired"),
    ("lease holds", {}, {"lease_until": T + 10}, 11, None),
    ("lease lapsed", {}, {"lease_until": T + 10}, 12, "13/dropped/instance_lost"),
    (
        "lease lapsed about the deadline",
        {"deadline": T + 10, "guard_lead_seconds": 1.0},
        {"lease_until": T + 9},
        11,
        "12/timed_out/platform_deadline",
    ),
    ("lock fell", {}, {"lock_fell_at": T + 4}, 4, "13/dropped/instance_lost/proven"),
    (
        "lock fell before the deadline",
        {"deadline": T + 10, "guard_lead_seconds": 1.0},
        {"lock_fell_at": T + 8.9},
        9,
        "13/dropped/instance_lost/proven",
    ),
    (
        "lock fell within the guard's lead",
        {"deadline": T + 10, "guard_lead_seconds": 1.0},
        {"lock_fell_at": T + 9},
        9,
        "12/timed_out/platform_deadline/proven",
    ),
    (
        "lock fell after shutdown was told",
        SHUTDOWN,
        {"lock_fell_at": T + 4},
        4,
        "11/dropped/shutdown/proven",
    ),
    ("shutdown told over HTTP", SHUTDOWN, {}, 59.9, None),
    ("shutdown told over HTTP, a minute ago", SHUTDOWN, {}, 60, "11/dropped/shutdown"),
    ("shutdown told, the lock still held", SHUTDOWN, {"death_will_show": True}, 99, None),
    (
        "shutdown told, then the deadline passed: the earliest pending decides",
        {**SHUTDOWN, "deadline": T + 10},
        {},
        12,
        "11/dropped/shutdown",
    ),
    (
        "deadline near told first, then the lock fell in time",
        {**NEAR, "deadline": T + 4, "guard_lead_seconds": 1.0},
        {"lock_fell_at": T + 3.5},
        4,
        "12/timed_out/platform_deadline/proven",
    ),
    ("said goodbye", {}, {"down_at": T + 1, "down_sequence": 8}, 2.9, None),
    (
        "said goodbye, and grace is over",
        {},
        {"down_at": T + 1, "down_sequence": 8},
        3,
        "11/dropped/shutdown",
    ),
    (
        "deadline near told, then goodbye past the deadline",
        {**NEAR, "deadline": T + 4, "guard_lead_seconds": 1.0},
        {"down_at": T + 5, "down_sequence": 8},
        7,
        "12/timed_out/platform_deadline",
    ),
    ("invocation over, never began", OVER, {}, 5, "10/dropped/never_started"),
    (
        "invocation over, never began, process gone",
        OVER,
        {"lock_fell_at": T + 6},
        6,
        "10/dropped/never_started/proven",
    ),
    ("invocation over, had begun", {**OVER, "started_sequence": 6}, {}, 5, None),
    (
        "invocation over, but the start may be what is missing",
        OVER,
        {"hole_within_invocation": True},
        5,
        None,
    ),
    (
        "a closing is known to be missing",
        {"deadline": T + 10},
        LOST,
        12,
        "9/unknown/evidence_lost",
    ),
    (
        "a hole, but nothing that settled is missing",
        {"deadline": T + 10},
        {"hole_after_opening": True},
        12,
        "12/timed_out/platform_deadline",
    ),
    (
        "something settled unseen, but not of this time",
        {"deadline": T + 10},
        {"settled_missing": True},
        12,
        "12/timed_out/platform_deadline",
    ),
    (
        "a deadline further off than a stream is remembered",
        {"deadline": T + 1e12},
        {},
        LIMITS.stream_retention_seconds,
        "14/dropped/expired",
    ),
]


@pytest.mark.parametrize(
    ("fields", "seen", "after", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_the_first_rule_that_matches_decides(
    fields: dict[str, Any], seen: dict[str, Any], after: float, expected: str | None
) -> None:
    """Each situation has the one verdict the outcome table gives it."""
    verdict = infer(task(**fields), Circumstances(**seen), T + after, LIMITS)
    if expected is None:
        assert verdict is None
        return
    assert verdict is not None
    rule, outcome, reason, *proven = expected.split("/")
    assert (str(verdict.rule), verdict.outcome, verdict.reason) == (rule, outcome, reason)
    assert verdict.basis == (names.PROVEN if proven else names.INFERRED)
    assert verdict.final == bool(proven)
    assert verdict.evidence[0].sequence == 5
    assert verdict.clock is not None
    assert verdict.clock.due <= T + after


def test_verdicts_once_due_stay_due_and_are_of_the_list() -> None:
    """Over every combination of what can be known: time never takes a verdict back."""
    tasks = [
        {**deadline, **pending, **over, **began}
        for deadline, pending, over, began in product(
            ({}, {"deadline": T + 10}, {"deadline": T + 10, "guard_lead_seconds": 2.0}),
            ({}, SHUTDOWN, NEAR),
            ({}, OVER),
            ({}, {"started_sequence": 6, "started_at": T + 1}),
        )
    ]
    worlds = [
        {**lock, **down, **lease, **holes}
        for lock, down, lease, holes in product(
            ({}, {"lock_fell_at": T + 4}, {"lock_fell_at": T + 9}),
            ({}, {"down_at": T + 3, "down_sequence": 8}),
            ({}, {"lease_until": T + 20}),
            ({}, {"hole_within_invocation": True}, LOST),
        )
    ]
    pairs = 0
    for fields, seen in product(tasks, worlds):
        due = False
        for after in (4, 9, 12, 23, 110):
            verdict = infer(task(**fields), Circumstances(**seen), T + after, LIMITS)
            assert not (due and verdict is None)
            due = verdict is not None
            if verdict is not None:
                assert verdict.reason in names.REASONS[verdict.outcome]
                assert 9 <= verdict.rule <= 14
        assert due
        pairs += 1
    assert pairs == 36 * 36

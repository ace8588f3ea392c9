"""Facts become entries of the book: nothing that was told is lost, and nothing is made up."""

from typing import Any

import pytest
from msgspec.structs import asdict, replace

from afterword_sidecar.ledger import entries
from afterword_sidecar.ledger.facts import Scheduled, Settled, SpanEnded
from afterword_sidecar.ledger.records import Cited, Notes, OpenTask, Series
from worlds.desk import SHOP

SERIES = Series("shop", "send_receipt", "vercel", "app")
TRACE, SPAN, PARENT = b"T" * 16, b"S" * 8, b"P" * 8
IDS: dict[str, Any] = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": PARENT}
OPENING = Scheduled(
    4,
    100.0,
    "send_receipt",
    platform="vercel",
    deadline=160.0,
    guard_lead_seconds=0.5,
    function="shop.send",
    route="/orders",
    invocation="inv",
    **IDS,
    sampled=True,
    links="a-b",
    dead_letter="letter",
    payload="{}",
    payload_omitted="too long",
)
CLOSING = Settled(
    9,
    4,
    130.0,
    "send_receipt",
    "failed",
    "exception",
    platform="vercel",
    scheduled_at=100.0,
    duration_seconds=29.0,
    start_delay_seconds=1.5,
    error_type="E",
    exception_type="m.E",
    exception_message="boom",
    exception_stacktrace="stack",
    awaiting="here",
    **IDS,
    sampled=True,
    folded=True,
    started_sequence=5,
    deadline=160.0,
    function="shop.send",
    route="/orders",
    invocation="inv",
    dead_letter="letter",
    payload="{}",
    payload_omitted="too long",
)
FOREIGN = SpanEnded(
    130.0,
    "send_receipt",
    "failed",
    "exception",
    100.0,
    error_type="E",
    exception_message="boom",
    **IDS,
)


def entry(**fields: object) -> dict[str, object]:
    """An entry with these fields and the defaults for the rest."""
    base = OpenTask(SHOP, 4, SERIES, "send_receipt", 100.0, received_at=101.0, heard_at=101.0)
    return asdict(base) | fields


def test_an_opening_is_kept_whole() -> None:
    """Every field of it; its payload is the store's."""
    assert asdict(entries.open_task(OPENING, SHOP, SERIES, 101.0, None)) == entry(
        deadline=160.0,
        guard_lead_seconds=0.5,
        trace=TRACE + SPAN + PARENT + b"\x01",
        invocation="inv",
        function="shop.send",
        route="/orders",
        has_payload=True,
        notes=Notes("a-b", "letter", "too long"),
    )


@pytest.mark.parametrize(
    ("told", "notes"),
    [
        ({"links": "a-b"}, Notes(links="a-b")),
        ({"dead_letter": "letter"}, Notes(replay_of="letter")),
        ({"payload_omitted": "too long"}, Notes(payload_omitted="too long")),
        ({}, Notes()),
    ],
)
def test_an_opening_has_notes_of_what_few_have(told: dict[str, str], notes: Notes) -> None:
    """Each alone; a bare opening has none, and no trace, and no payload."""
    fact = Scheduled(4, 100.0, "send_receipt", **told)  # type: ignore[arg-type] # texts
    assert asdict(entries.open_task(fact, SHOP, SERIES, 101.0, None)) == entry(notes=notes)


def test_a_task_keeps_its_true_name() -> None:
    """Whatever label it is counted under; one string for all where they are the same."""
    other = Series("shop", "_other", "vercel", "app")
    assert entries.open_task(OPENING, SHOP, other, 101.0, None).task == "send_receipt"
    assert entries.open_task(OPENING, SHOP, SERIES, 101.0, None).task is SERIES.task


def test_a_closing_tells_of_its_opening() -> None:
    """All that it repeats, and when it started, where it says how long that took."""
    told = entry(
        deadline=160.0,
        trace=TRACE + SPAN + PARENT + b"\x01",
        invocation="inv",
        function="shop.send",
        route="/orders",
        has_payload=True,
        notes=Notes(replay_of="letter", payload_omitted="too long"),
        started_sequence=5,
        started_at=101.5,
    )
    assert asdict(entries.opening_of(CLOSING, SHOP, SERIES, 101.0)) == told


def test_a_bare_closing_tells_little() -> None:
    """Handed over when it ended, for all that is known; never started at a time made up."""
    bare = Settled(9, 4, 130.0, "send_receipt", "completed", "completed", start_delay_seconds=1.0)
    assert asdict(entries.opening_of(bare, SHOP, SERIES, 101.0)) == entry(scheduled_at=130.0)
    begun = Settled(
        9,
        4,
        130.0,
        "send_receipt",
        "completed",
        "completed",
        scheduled_at=100.0,
        started_sequence=5,
    )
    assert entries.opening_of(begun, SHOP, SERIES, 101.0).started_at == 0.0
    for notes in ({"dead_letter": "letter"}, {"payload_omitted": "too long"}):
        noted = Settled(9, 4, 1.0, "t", "completed", "completed", **notes)  # type: ignore[arg-type] # texts
        assert entries.opening_of(noted, SHOP, SERIES, 101.0).notes != Notes()


def test_a_span_tells_of_its_opening() -> None:
    """It began when the task was handed over, for all that is known; it was recorded."""
    told = entry(sequence=1, trace=TRACE + SPAN + PARENT + b"\x01")
    assert asdict(entries.opening_of(FOREIGN, SHOP, SERIES, 101.0)) == told


def test_a_closing_is_kept_whole() -> None:
    """Outcome, times, error and stack; the verdict names the opening and the closing."""
    task = entries.open_task(OPENING, SHOP, SERIES, 101.0, None)
    settled = entries.closed(task, CLOSING, 131.0)
    verdict = settled.verdict
    assert (verdict.outcome, verdict.reason, verdict.basis) == ("failed", "exception", "observed")
    assert (verdict.rule, verdict.at, verdict.final) == (3, 131.0, True)
    assert verdict.evidence == (
        Cited("deferred_task.scheduled", 4, 100.0),
        Cited("deferred_task.settled", 9, 130.0),
    )
    assert (settled.settled_at, settled.duration_seconds, settled.awaiting) == (130.0, 29.0, "here")
    assert (settled.error_type, settled.exception_type) == ("E", "m.E")
    assert (settled.exception_message, settled.exception_stacktrace) == ("boom", "stack")
    assert settled.opening is task
    stopped = replace(CLOSING, outcome="dropped", reason="shutdown")
    assert entries.closed(task, stopped, 131.0).verdict.rule == 11


def test_a_span_is_kept_whole() -> None:
    """Its duration is its own; it has no stack, and waits where the task last was."""
    task = entries.opening_of(FOREIGN, SHOP, SERIES, 101.0)
    settled = entries.closed(task, FOREIGN, 131.0)
    assert (settled.settled_at, settled.duration_seconds) == (130.0, 30.0)
    assert (settled.error_type, settled.exception_message) == ("E", "boom")
    assert (settled.exception_type, settled.exception_stacktrace, settled.awaiting) == ("", "", "")
    assert settled.verdict.evidence[-1] == Cited("span", 4, 130.0)
    backwards = SpanEnded(100.0, "t", "completed", "completed", 100.5)
    assert entries.closed(task, backwards, 131.0).duration_seconds == 0.0


@pytest.mark.parametrize(
    ("outcome", "rule"),
    [
        ("completed", 1),
        ("timed_out", 2),
        ("failed", 3),
        ("cancelled", 4),
        ("dropped", 5),
        ("unknown", 8),
    ],
)
def test_a_reason_of_nobodys_list_falls_under_its_outcomes_first_rule(
    outcome: str, rule: int
) -> None:
    """``other`` is a reason of any outcome; a known pair has the rule of its own."""
    assert entries.rule_of(outcome, "other") == rule
    assert entries.rule_of("dropped", "shutdown") == 11


@pytest.mark.parametrize(
    ("ids", "trace"),
    [
        ({}, b""),
        ({"trace_id": TRACE}, TRACE + bytes(16) + b"\x00"),
        ({"trace_id": TRACE, "span_id": SPAN}, TRACE + SPAN + bytes(8) + b"\x00"),
        ({"span_id": SPAN, "sampled": True}, b""),
    ],
)
def test_ids_are_packed_into_one_value(ids: dict[str, object], trace: bytes) -> None:
    """What is missing is zeros; without a trace there is nothing."""
    fact = Scheduled(4, 100.0, "send_receipt", **ids)  # type: ignore[arg-type] # ids
    assert entries.open_task(fact, SHOP, SERIES, 101.0, None).trace == trace

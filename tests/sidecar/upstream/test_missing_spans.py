"""The span that never came: for which tasks, with which ids, from when to when."""

from typing import Any

import pytest
from msgspec.structs import replace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from afterword import names
from afterword_sidecar.ledger.records import Cited, ClockBounds, Notes, SettledTask
from afterword_sidecar.upstream.missing_spans import ended_at, is_missing, missing_span
from worlds.bookkeeping import letter, opening
from worlds.otlp_backend import values

TRACE, OWN, PARENT = b"t" * 16, b"s" * 8, b"p" * 8
SAMPLED = TRACE + OWN + PARENT + b"\x01"
UNSAMPLED = TRACE + bytes(8) + PARENT + b"\x00"
AT = 1_795_460_000.0


def lost(
    basis: str = "proven",
    *,
    final: bool = True,
    outcome: str = "dropped",
    reason: str = "instance_lost",
    trace: bytes = SAMPLED,
    evidence: tuple[Cited, ...] = (Cited("stream_ended", 0, AT + 5),),
    clock: ClockBounds | None = None,
    history: tuple[Any, ...] = (),
    **task: Any,
) -> SettledTask:
    of = replace(opening(7, **task), scheduled_at=AT, trace=trace)
    settled = letter(of=of, basis=basis, outcome=outcome, reason=reason).settled
    verdict = replace(settled.verdict, final=final, evidence=evidence, clock=clock)
    return replace(settled, verdict=verdict, history=history)


@pytest.mark.parametrize(
    ("settled", "missing"),
    [
        (lost("proven"), True),
        (lost("inferred"), True),
        (lost("inferred", final=False), False),
        (lost("observed", outcome="failed", reason="exception"), False),
        (lost("inferred", outcome="unknown", reason="evidence_lost"), False),
        (lost(trace=b""), False),
        (lost(history=(lost("inferred").verdict,)), False),
        (lost(history=(lost("inferred", final=False).verdict,)), True),
    ],
    ids=[
        "proven",
        "inferred and final",
        "may still live",
        "ended its own span",
        "its span may have come",
        "outside any trace",
        "amended after it was sent",
        "amended before it was final",
    ],
)
def test_only_a_task_that_cannot_have_sent_it_gets_a_span(
    settled: SettledTask, *, missing: bool
) -> None:
    """Final, lost, in a trace, not by its own word, and not once before."""
    assert is_missing(settled, unsampled=True) is missing


def test_the_unsampled_are_left_out_where_that_is_wanted() -> None:
    """A setting; by default a lost task is not lost once more by the sampler."""
    assert is_missing(lost(trace=UNSAMPLED), unsampled=True)
    assert not is_missing(lost(trace=UNSAMPLED), unsampled=False)
    assert is_missing(lost(trace=SAMPLED), unsampled=False)


def test_it_is_the_span_that_the_task_would_have_sent() -> None:
    """Its ids, name, kind, parent, links and times; status ERROR; the verdict as attributes."""
    link = f"{TRACE.hex()}-{PARENT.hex()}"
    span = missing_span(
        lost(
            notes=Notes(links=f"{link} nonsense zz{link[2:]}", awaiting="sleep at shop.py:4"),
            evidence=(
                Cited("deferred_task.scheduled", 7, AT),
                Cited("deferred_task.started", 8, AT + 0.5),
                Cited("stream_ended", 0, AT + 5),
            ),
        )
    )
    assert span is not None
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, OWN, PARENT)
    assert (span.name, span.kind) == ("send_mail", Span.SPAN_KIND_CONSUMER)
    assert span.start_time_unix_nano == int(AT * 1e9)
    assert span.end_time_unix_nano == int((AT + 5) * 1e9)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.status.message == "dropped: instance_lost (proven)"
    assert [(each.trace_id, each.span_id) for each in span.links] == [(TRACE, PARENT)]
    assert [each.name for each in span.events] == ["deferred_task.started"]
    told = values(span.attributes)
    assert told[names.ERROR_TYPE] == "instance_lost"
    assert told[names.AWAITING] == "sleep at shop.py:4"
    assert (told[names.REPORTED_BY], told[names.TRACE_SAMPLED]) == ("sidecar", True)
    assert names.STREAM in told  # or another sidecar would take it for a foreign task's closing


def test_a_task_without_a_span_of_its_own_gets_a_stable_id() -> None:
    """Nobody made one under an unsampled parent; told twice it must be the same span."""
    settled = lost(trace=UNSAMPLED)
    first, second = missing_span(settled), missing_span(settled)
    other = missing_span(replace(settled, opening=replace(settled.opening, sequence=8)))
    assert first is not None
    assert second is not None
    assert other is not None
    assert first.span_id == second.span_id not in (bytes(8), PARENT)
    assert other.span_id != first.span_id
    assert first.parent_span_id == PARENT
    assert values(first.attributes)[names.TRACE_SAMPLED] is False


OFFSET = ClockBounds(offset_seconds=2.0, grace_seconds=1.0, due=AT)


@pytest.mark.parametrize(
    ("settled", "ended"),
    [
        (lost(), AT + 5),
        (lost(clock=OFFSET), AT + 3),
        (
            lost(evidence=(Cited("deferred_task.invocation", 9, AT + 4),), clock=OFFSET),
            AT + 4,
        ),
        (
            lost(outcome="timed_out", reason="platform_deadline", deadline=AT + 30, clock=OFFSET),
            AT + 30,
        ),
        (lost(evidence=(Cited("stream_ended", 0, AT - 50),)), AT),
        (lost(evidence=(Cited("silence", 0, AT + 1),), started_at=AT + 3), AT + 3),
        (
            lost(evidence=(Cited("silence", 0, AT + 60), Cited("stream_ended", 0, AT + 900))),
            AT + 60,
        ),
    ],
    ids=[
        "its lock fell",
        "the sidecar's clock is ahead",
        "its invocation ended, by its own clock",
        "the platform's deadline",
        "never before it began",
        "never before it was last heard of",
        "what was decided first",
    ],
)
def test_when_it_ended(settled: SettledTask, ended: float) -> None:
    """By the task's clock, as near as the evidence tells."""
    assert ended_at(settled) == ended

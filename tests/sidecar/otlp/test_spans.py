"""Foreign spans as closing evidence."""

from typing import Any

import pytest

from afterword_sidecar.ledger.facts import FOREIGN_SCHEDULED, FOREIGN_SPAN, SpanEnded
from afterword_sidecar.otlp import decode_traces
from worlds.otlp_requests import AT, SPAN, TRACE, ContentType, Json, attributes, encode, traces

pytestmark = pytest.mark.parametrize("content_type", ["json", "protobuf"])


def span(told: Json | None = None, **fields: Any) -> Json:
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "startTimeUnixNano": str(int((AT - 1) * 1e9)),
        "endTimeUnixNano": str(int(AT * 1e9)),
        "attributes": attributes({"deferred_task.name": "send", **(told or {})}),
        **fields,
    }


OUTCOME = "deferred_task.outcome"


@pytest.mark.parametrize(
    ("told", "status", "opted_in", "ending"),
    [
        ({}, 2, "till", ("failed", "exception")),
        ({}, 1, "till", ("completed", "completed")),
        ({}, 0, "till", ("unknown", "span_unset")),
        ({}, 0, "shop", ("completed", "completed")),
        (
            {OUTCOME: "timed_out", "deferred_task.reason": "raised"},
            2,
            False,
            ("timed_out", "raised"),
        ),
        ({OUTCOME: "cancelled"}, 0, "shop", ("cancelled", "other")),
        ({OUTCOME: "completed"}, 0, "till", ("completed", "completed")),
        ({OUTCOME: "completed"}, 2, "till", ("failed", "exception")),
    ],
)
def test_ending(
    told: Json, status: int, opted_in: str, ending: tuple[str, str], content_type: ContentType
) -> None:
    """Outcome by attribute, then by status; UNSET is no success unless the service says so."""
    body = encode(traces([span(told, status={"code": status})]), content_type)
    opted = frozenset({opted_in})
    (batch,) = decode_traces(body, content_type, AT, unset_completed=opted).batches
    (fact,) = batch.facts
    assert isinstance(fact, SpanEnded)
    assert (fact.outcome, fact.reason) == ending
    assert (fact.sequence, fact.opening_sequence) == (FOREIGN_SPAN, FOREIGN_SCHEDULED)
    assert (fact.at, fact.started_at) == (AT, AT - 1)
    assert batch.source.stream == bytes.fromhex(TRACE + SPAN)


def test_every_service_opted_in(content_type: ContentType) -> None:
    """``*`` stands for all services."""
    decoded = decode_traces(
        encode(traces([span()]), content_type), content_type, AT, unset_completed=frozenset("*")
    )
    fact = decoded.batches[0].facts[0]
    assert isinstance(fact, SpanEnded)
    assert fact.outcome == "completed"


def test_what_is_not_closing_evidence(content_type: ContentType) -> None:
    """Our own spans, unended ones and everybody's others are passed by; bad ones are rejected."""
    spans = [
        span({"deferred_task.stream": "5e" * 16, "deferred_task.sequence": 4}),
        span(endTimeUnixNano="0"),
        {"traceId": TRACE, "spanId": SPAN, "endTimeUnixNano": "5", "name": "GET /"},
        span(spanId="00" * 8),
        span({OUTCOME: "exploded"}),
        span({"deferred_task.name": ""}),
        span(),
    ]
    decoded = decode_traces(encode(traces(spans), content_type), content_type, AT)
    assert decoded.ignored == 3
    assert decoded.rejected == {"no_identity": 1, "bad_outcome": 1, "no_name": 1}
    assert [len(batch.facts) for batch in decoded.batches] == [1]


def test_the_recorded_exception_is_read(content_type: ContentType) -> None:
    """Error type and message come from the span, else from the exception recorded on it."""
    event = {
        "name": "exception",
        "attributes": attributes({"exception.type": "KeyError", "exception.message": "'sku'"}),
    }
    parent = "00f067aa0ba902b7"
    failed = span(status={"code": 2}, events=[{"name": "retry"}, event], parentSpanId=parent)
    (batch,) = decode_traces(encode(traces([failed]), content_type), content_type, AT).batches
    (fact,) = batch.facts
    assert isinstance(fact, SpanEnded)
    assert (fact.error_type, fact.exception_message) == ("KeyError", "'sku'")
    assert fact.parent_span_id == bytes.fromhex(parent)

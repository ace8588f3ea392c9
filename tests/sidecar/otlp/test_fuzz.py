"""Whatever the bytes: only ``OtlpError`` escapes, facts keep their promises, none is lost."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterword_sidecar.otlp import (
    Decoded,
    DecodeLimits,
    OtlpError,
    decode_logs,
    decode_metrics,
    decode_spool_lines,
    decode_traces,
    inflate,
)
from worlds.otlp_invariants import check
from worlds.otlp_requests import (
    RECEIVED_AT,
    SPAN,
    TRACE,
    ContentType,
    Json,
    Verbatim,
    any_value,
    encode,
    logs,
    record,
    scheduled,
    settled,
    traces,
)

ENCODINGS: tuple[ContentType, ...] = ("json", "protobuf")
LIMITS = DecodeLimits(records=200, json_objects=2000, record_bytes=4096, attributes=50)
VALID = logs(
    [
        scheduled(1, {"deadline": 5.5, "payload": "{}"}, traceId=TRACE, spanId=SPAN),
        record("deferred_task.rollup", {"sequence": 9, "name": "n", "outcome": "failed",
               "count": 1, "ranges": "5-6"}),
        settled(2, 1, {"folded": True, "outcome": "failed", "exception.message": "é\U0001f600"}),
    ]
)  # fmt: skip
SPANS = traces(
    [
        {
            "traceId": TRACE,
            "spanId": SPAN,
            "endTimeUnixNano": "7",
            "status": {"code": 2},
            "attributes": [{"key": "deferred_task.name", "value": {"stringValue": "n"}}],
        }
    ]
)
VALID_BODIES = {kind: [encode(VALID, kind), encode(SPANS, kind)] for kind in ENCODINGS}


def decode_every_way(body: bytes, content_type: ContentType) -> None:
    """All entry points: none raises anything but ``OtlpError``."""
    for decoder in (decode_logs, decode_traces, decode_metrics):
        with suppress(OtlpError):
            check(decoder(body, content_type, RECEIVED_AT, LIMITS))
    check(decode_spool_lines(body.split(b"\n"), RECEIVED_AT, LIMITS))


@given(body=st.binary(max_size=300), content_type=st.sampled_from(ENCODINGS))
def test_arbitrary_bytes(body: bytes, content_type: ContentType) -> None:
    """Bytes of no meaning."""
    decode_every_way(body, content_type)
    with suppress(OtlpError):
        inflate(body, "gzip", 1000)


@settings(max_examples=400)
@given(data=st.data(), content_type=st.sampled_from(ENCODINGS))
def test_mutated_requests(data: st.DataObject, content_type: ContentType) -> None:
    """Valid requests with pieces cut out, put in, doubled and overwritten."""
    body = bytearray(data.draw(st.sampled_from(VALID_BODIES[content_type])))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = min(len(body), start + data.draw(st.integers(0, 8)))
        put_in = data.draw(st.binary(max_size=8) | st.just(bytes(body[start : start + 60])))
        body[start:end] = put_in
    decode_every_way(bytes(body), content_type)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(
        st.characters(exclude_categories=()), max_size=12
    )
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["attributes", "key", "value", "stringValue", "intValue", "doubleValue", "boolValue",
             "timeUnixNano", "eventName", "traceId", "flags", "x"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
TELLING = [
    "sequence", "opening_sequence", "name", "platform", "origin", "deadline", "guard_lead",
    "code.function.name", "http.route", "faas.invocation_id", "parent_span_id", "links",
    "dead_letter", "payload", "payload_omitted", "start_delay", "scheduled_time", "outcome",
    "reason", "duration", "awaiting", "folded", "started_sequence", "state", "scheduled_total",
    "lease_seconds", "count", "ranges", "error.type", "exception.message", "exception.stacktrace",
]  # fmt: skip
EVENTS = ["scheduled", "started", "settled", "pending", "invocation", "instance", "rollup"]


def told() -> st.SearchStrategy[Any]:
    """Attribute values of the right type often enough to get far."""
    typed = st.integers(-3, 2**64) | st.floats() | st.booleans() | st.sampled_from(
        ["failed", "completed", "exception", "shutdown", "up", "1-4 6-6", "7", "1e9", TRACE, SPAN]
    )  # fmt: skip
    return typed.map(any_value) | SCALARS.map(any_value) | VALUES


@st.composite
def odd_records(draw: st.DrawFn) -> Any:
    """A record of any event with any attributes, or something else altogether."""
    if draw(st.integers(0, 5)) == 0:
        return draw(VALUES)
    attributes = {
        name: Verbatim(draw(told()))
        for name in draw(st.lists(st.sampled_from(TELLING), max_size=12, unique=True))
    }
    base = {"sequence": 50, "opening_sequence": 40, "name": "n", "outcome": "failed"}
    return record(f"deferred_task.{draw(st.sampled_from(EVENTS))}", {**base, **attributes})


@settings(max_examples=400)
@given(odd=odd_records(), stream=st.sampled_from(["5e" * 16, None]))
def test_odd_records_keep_their_neighbours(odd: Any, stream: str | None) -> None:
    """Any JSON in place of a record: it is taken, passed by or rejected; the others are kept."""
    ids: Json = {"traceId": TRACE, "spanId": SPAN}
    body = json.dumps(logs([scheduled(1, **ids), odd, settled(99, 1, **ids)], stream=stream))
    decoded = decode_logs(body.encode(), "json", RECEIVED_AT)
    check(decoded)
    assert_kept(decoded)


def assert_kept(decoded: Decoded) -> None:
    facts = [fact for batch in decoded.batches for fact in batch.facts]
    assert type(facts[0]).__name__ == "Scheduled"
    assert type(facts[-1]).__name__ == "Settled" or len(facts) == 3
    assert len(facts) + decoded.ignored + sum(decoded.rejected.values()) == 3


@given(raw=st.binary(max_size=60))
def test_odd_protobuf_records_keep_their_neighbours(raw: bytes) -> None:
    """Any bytes in place of a record."""
    middle = b"deferred_task." + raw
    scope = b"\x12" + bytes([len(middle)]) + middle
    resource = b"\x12" + bytes([len(scope)]) + scope
    whole = b"\x0a" + bytes([len(resource)]) + resource
    before, after = (encode(logs([r]), "protobuf") for r in (scheduled(1), settled(99, 1)))
    decoded = decode_logs(before + whole + after, "protobuf", RECEIVED_AT)
    check(decoded)
    assert_kept(decoded)


@pytest.mark.parametrize("content_type", ENCODINGS)
def test_every_cut_is_refused_or_harmless(content_type: ContentType) -> None:
    """A request cut anywhere is refused, or (between protobuf's parts) is a shorter request."""
    body = encode(VALID, content_type)
    for end in range(1, len(body)):
        with pytest.raises(OtlpError):
            decode_logs(body[:end], content_type, RECEIVED_AT)

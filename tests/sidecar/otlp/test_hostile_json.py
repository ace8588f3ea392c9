"""JSON that strict readers refuse whole: here it costs the record it is in, and no other."""

import json

import pytest

from afterword_sidecar.ledger.facts import Scheduled
from afterword_sidecar.otlp import (
    Decoded,
    DecodeLimits,
    TooManyRecords,
    Undecodable,
    decode_logs,
    decode_metrics,
    decode_traces,
)
from worlds.otlp_invariants import check
from worlds.otlp_requests import (
    AT,
    RECEIVED_AT,
    SPAN,
    TRACE,
    Json,
    logs,
    scheduled,
    settled,
    traces,
)

HOLE = '"HOLE"'
DEEP = "[" * 100_000 + "]" * 100_000


def with_hole(filling: bytes) -> bytes:
    """A request whose middle record is ``filling``."""
    request = json.dumps(logs([scheduled(1), "HOLE", settled(200, 1)]))
    return request.encode().replace(HOLE.encode(), filling)


def opening_with(attribute: str) -> bytes:
    """A whole opening with one more attribute or field, as written."""
    opening = json.dumps(scheduled(5))
    return opening.replace('"attributes": [', f'"attributes": [{attribute}, ').encode("latin-1")


def decode(body: bytes, limits: DecodeLimits | None = None) -> Decoded:
    decoded = decode_logs(body, "json", RECEIVED_AT, limits or DecodeLimits())
    check(decoded)
    return decoded


KEPT = {
    "lone surrogate": opening_with('{"key": "k", "value": {"stringValue": "\\ud800"}}'),
    "NaN": opening_with('{"key": "k", "value": {"doubleValue": NaN}}'),
    "-Infinity": opening_with('{"key": "k", "value": {"doubleValue": -Infinity}}'),
    "bad UTF-8": opening_with('{"key": "k", "value": {"stringValue": "\xff"}}'),
    "null value": opening_with('{"key": "k", "value": null}'),
    "null in a value": opening_with('{"key": "k", "value": {"stringValue": null}}'),
    "null key": opening_with('{"key": null, "value": {"stringValue": "x"}}'),
    "null fields": json.dumps(
        {**scheduled(5), "traceId": None, "spanId": None, "flags": None, "severityText": None}
    ).encode(),
    "unknown fields": json.dumps({**scheduled(5), "x": [{"y": None}], "trace_id": 7}).encode(),
    "duplicate fields": json.dumps(scheduled(5)).replace("{", '{"eventName": "x", ', 1).encode(),
    "time as a number": json.dumps(scheduled(5, timeUnixNano=int(AT * 1e9))).encode(),
    "event name with an escape": json.dumps(scheduled(5)).replace("scheduled", "sch\\u0065duled")
    .encode(),
}  # fmt: skip


@pytest.mark.parametrize("filling", KEPT.values(), ids=KEPT.keys())
def test_odd_but_readable(filling: bytes) -> None:
    """What can be read in spite of its oddity is kept, and so are its neighbours."""
    (batch,) = decode(with_hole(filling)).batches
    assert [fact.sequence for fact in batch.facts] == [1, 5, 200]


LOST = {
    "number": b"5",
    "string": b'"x"',
    "null": b"null",
    "array": b"[]",
    "nested too deep": DEEP.encode(),
    "attribute nested too deep": opening_with(
        '{"key": "k", "value": {"arrayValue": {"values": ' + DEEP + "}}}"
    ),
    "attributes of the wrong type": b'{"eventName": "deferred_task.scheduled", "attributes": 5}',
    "null attribute": opening_with("null"),
    "not JSON inside its brackets": b"{what: is, this}",
    "integer of 5000 digits": json.dumps(scheduled(5)).replace('"5"', "9" * 5000).encode(),
    "control character in a key": b'{"event\x01Name": 5, "eventName": 7}',
}


@pytest.mark.parametrize("filling", LOST.values(), ids=LOST.keys())
def test_one_bad_record_costs_itself(filling: bytes) -> None:
    """What cannot be read is one rejected record, and its neighbours are kept."""
    decoded = decode(with_hole(filling))
    (batch,) = decoded.batches
    assert [fact.sequence for fact in batch.facts] == [1, 200]
    assert decoded.rejected == {"malformed": 1}


@pytest.mark.parametrize(
    "nanoseconds", ["-1", "18446744073709551616", "1" * 400], ids=["negative", "2^64", "huge"]
)
def test_timestamps_beyond_64_bits(nanoseconds: str) -> None:
    """A timestamp that is none rejects its record."""
    body = with_hole(json.dumps(scheduled(5, timeUnixNano=nanoseconds)).encode())
    assert decode(body).rejected == {"bad_time": 1}


def test_surrogates_in_what_is_kept_are_replaced() -> None:
    """Names and payloads with lone surrogates become text that UTF-8 can carry."""
    body = with_hole(json.dumps(scheduled(5, {"name": "a\ud800b", "payload": "\udfff\0"})).encode())
    opening = decode(body).batches[0].facts[1]
    assert opening == Scheduled(5, AT, "a\ufffdb", payload="\ufffd\ufffd")


def test_parts_that_are_not_what_they_should_be() -> None:
    """A broken resource or scope costs its own records, and those of others are kept."""
    good = json.dumps(logs([scheduled(1)])["resourceLogs"][0])
    bad = (
        '{"resource": 5, "scopeLogs": [{"logRecords": [{}, {}]}]}',
        '{"scopeLogs": [{"scope": {"attributes": 7}, "logRecords": [{}]}]}',
        '{"scopeLogs": [{"logRecords": 7}, 8, null]}',
        '{"scopeLogs": {}}',
        "9",
    )
    decoded = decode(f'{{"resourceLogs": [{good}, {", ".join(bad)}, {good}]}}'.encode())
    assert [len(batch.facts) for batch in decoded.batches] == [2]
    assert decoded.rejected == {"bad_resource": 3, "malformed": 5}


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", b"{}", b'{"resourceLogs": []}', b'{"resourceLogs": null}', b"\xef\xbb\xbf{}",
     b'{"resourceLogs": [{}]}', b'{"resourceLogs": [{"scopeLogs": [{"logRecords": []}]}]}',
     b'{"else": [1, {"x": NaN}]}'],
)  # fmt: skip
def test_empty_requests_are_fine(body: bytes) -> None:
    """Nothing in it is nothing wrong with it, for every signal."""
    assert decode(body) == Decoded()
    assert decode_traces(body, "json", RECEIVED_AT) == Decoded()
    assert decode_metrics(body, "json", RECEIVED_AT) == Decoded()


def test_byte_order_mark() -> None:
    """A byte order mark before good JSON is passed over."""
    body = b"\xef\xbb\xbf" + json.dumps(logs([scheduled(1)])).encode()
    assert len(decode(body).batches) == 1


WHOLE = json.dumps(logs([scheduled(1), settled(2, 1)])).encode()


@pytest.mark.parametrize(
    "body",
    [b"5", b"[]", b'"x"', b"null", b"\x00", b"\xff" * 9, b"{", b"{}}", b'{"resourceLogs": 5}',
     b'{"resourceLogs": {}}', b"{} {}", b'{"a" 1}', b"{'a': 1}", b'{"a": }', b'{"a": 1,}',
     WHOLE[:-1], WHOLE[: len(WHOLE) // 2], WHOLE + b"x", WHOLE.replace(b"]", b"", 1),
     b'{"x": "' + b'\\"' * 500_000],
)  # fmt: skip
def test_what_is_not_otlp_is_refused_whole(body: bytes) -> None:
    """A body that does not hold together is refused as one, never half taken."""
    with pytest.raises(Undecodable):
        decode(body)


def test_metrics_are_checked_and_passed_by() -> None:
    """Metrics are no evidence; what is not a metrics request is refused."""
    assert decode_metrics(b'{"resourceMetrics": [{"x": NaN}]}', "json", AT) == Decoded()
    for body in (b"[]", b'{"resourceMetrics": 5}', b"{", b'{"resourceMetrics": [}'):
        with pytest.raises(Undecodable):
            decode_metrics(body, "json", AT)


def test_record_limits() -> None:
    """Records are bounded on the fast path and on the slow one."""
    limits = DecodeLimits(records=10)
    plain: list[Json | None] = [{}] * 11
    for records in (plain, [*plain[1:], None]):
        with pytest.raises(TooManyRecords):
            decode(json.dumps(logs(records)).encode(), limits)
    with pytest.raises(TooManyRecords):
        decode(json.dumps(logs([{}] * 10)).encode(), DecodeLimits(json_objects=20))


def test_a_bad_span_costs_itself() -> None:
    """Spans are isolated as records are."""
    good = {
        "traceId": TRACE,
        "spanId": SPAN,
        "endTimeUnixNano": "5",
        "attributes": [{"key": "deferred_task.name", "value": {"stringValue": "send"}}],
    }
    body = json.dumps(traces([good, {"attributes": 5}, good, "\ud800"])).encode()
    decoded = decode_traces(body, "json", RECEIVED_AT)
    check(decoded)
    assert [len(batch.facts) for batch in decoded.batches] == [2]
    assert decoded.rejected == {"malformed": 2}

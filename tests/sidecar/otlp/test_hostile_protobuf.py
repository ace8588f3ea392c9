"""Protobuf that upb refuses whole: here it costs the record it is in, and no other."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

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
from worlds.otlp_requests import RECEIVED_AT, encode, logs, scheduled, settled


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    length, size = b"", len(content)
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def with_record(raw: bytes) -> bytes:
    """A request of three pieces, the middle one's only record being ``raw``: they are merged."""
    scope = encode(logs([]), "protobuf")
    assert scope[0] == field(1, b"")[0]
    before, after = (encode(logs([record]), "protobuf") for record in (scheduled(1), settled(9, 1)))
    return before + field(1, field(2, field(2, raw))) + after


def wire(record: object) -> LogRecord:
    """The record as protobuf's class, taken out of a request."""
    request = ExportLogsServiceRequest.FromString(encode(logs([record]), "protobuf"))
    return request.resource_logs[0].scope_logs[0].log_records[0]


def decode(body: bytes, limits: DecodeLimits | None = None) -> Decoded:
    decoded = decode_logs(body, "protobuf", RECEIVED_AT, limits or DecodeLimits())
    check(decoded)
    return decoded


def deep_record() -> bytes:
    """An opening with an attribute nested 200 deep: upb reads about 50."""
    nested = AnyValue(string_value="bottom").SerializeToString()
    for _ in range(200):
        nested = field(5, field(1, nested))
    return wire(scheduled(5)).SerializeToString() + field(6, field(1, b"k") + field(2, nested))


LOST = {
    "nested too deep": deep_record(),
    "bad UTF-8": wire(scheduled(5)).SerializeToString().replace(b"send", b"s\xff\xfed"),
    "garbage": b"deferred_task." + b"\xff" * 40,
    "cut short": wire(scheduled(5)).SerializeToString()[:-3],
    "2000 attributes": wire(scheduled(5, {f"a.{n}": n for n in range(2000)})).SerializeToString(),
    "2 MiB": wire(scheduled(5, {"a.b": "x" * (2 << 20)})).SerializeToString(),
    "too many empty attributes": wire(scheduled(5)).SerializeToString() + field(6, b"") * 600_000,
}


@pytest.mark.parametrize("raw", LOST.values(), ids=LOST.keys())
def test_one_bad_record_costs_itself(raw: bytes) -> None:
    """What cannot be read is one rejected record, and its neighbours are kept."""
    decoded = decode(with_record(raw))
    (batch,) = decoded.batches
    assert [fact.sequence for fact in batch.facts] == [1, 9]
    assert decoded.rejected == {"malformed": 1}


def test_what_is_not_evidence_is_not_even_read() -> None:
    """A record without a word of ours is passed by, however broken or large it is."""
    for raw in (b"\xff" * 40, b"", b"x" * (2 << 20)):
        decoded = decode(with_record(raw))
        assert (decoded.ignored, decoded.rejected) == (1, {})


def test_broken_parts_cost_themselves() -> None:
    """A broken resource, scope or part is rejected; what stands beside it is kept."""
    good = encode(logs([scheduled(1)]), "protobuf")
    resource = field(1, field(1, b"\xff") + field(2, field(2, b"") * 2))
    scope = field(1, field(2, field(1, b"\xff") + field(2, b"")))
    part, nested_part = field(1, b"\xff"), field(1, field(2, b"\xff"))
    decoded = decode(good + resource + scope + part + nested_part + good)
    assert [len(batch.facts) for batch in decoded.batches] == [2]
    assert decoded.rejected == {"bad_resource": 3, "malformed": 2}


def test_unknown_fields_are_passed_over() -> None:
    """Fields of later versions, of any type, change nothing."""
    later = b"\x98\x3f\x05" + b"\x99\x3f" + bytes(8) + b"\x9d\x3f" + bytes(4) + field(9, b"new")
    good = encode(logs([scheduled(1)]), "protobuf")
    assert decode(later + good + later) == decode(good)


WHOLE = encode(logs([scheduled(1), settled(2, 1)]), "protobuf")


@pytest.mark.parametrize(
    "body",
    [b"\x00", b"\x0a", b"\x0a\xff", b"\x0b", b"\x0f\x01", b"\x09\x00", b"\xff" * 20, b"{}",
     b"\x02\x01\x00", WHOLE[:-1], WHOLE[: len(WHOLE) // 2], WHOLE + b"\x0a"],
)  # fmt: skip
def test_what_is_not_otlp_is_refused_whole(body: bytes) -> None:
    """A body that does not hold together is refused as one, never half taken."""
    for decoder in (decode_logs, decode_traces, decode_metrics):
        with pytest.raises(Undecodable):
            decoder(body, "protobuf", RECEIVED_AT)


@pytest.mark.parametrize("body", [b"", field(1, b""), field(1, field(2, b""))])
def test_empty_requests_are_fine(body: bytes) -> None:
    """Nothing in it is nothing wrong with it, for every signal."""
    for decoder in (decode_logs, decode_traces, decode_metrics):
        assert decoder(body, "protobuf", RECEIVED_AT) == Decoded()


def test_record_limits() -> None:
    """Empty records, scopes, resources and unknown fields are all bounded."""
    limits = DecodeLimits(records=10)
    for body in (
        field(1, field(2, field(2, b"") * 11)),
        field(1, field(2, b"") * 11),
        field(1, b"") * 11,
        b"\x18\x00" * 11,
    ):
        with pytest.raises(TooManyRecords):
            decode(body, limits)

"""Who reports: services, streams, foreign SDKs."""

import json

import pytest

from afterword_sidecar.ledger.facts import FOREIGN_SCHEDULED, Scheduled, Settled, Source, Started
from afterword_sidecar.otlp import decode_logs
from afterword_sidecar.otlp.limits import RESOURCE_BYTES
from worlds.otlp_requests import (
    AT,
    RECEIVED_AT,
    SPAN,
    TRACE,
    ContentType,
    Json,
    Verbatim,
    encode,
    logs,
    record,
    scheduled,
    settled,
)

pytestmark = pytest.mark.parametrize("content_type", ["json", "protobuf"])
STREAM_BYTES = b"\x5e" * 16
FOREIGN = bytes.fromhex(TRACE + SPAN)


@pytest.mark.parametrize(
    ("resource", "source"),
    [
        ({"service.name": "shop"}, Source(STREAM_BYTES, "shop")),
        (
            {"service.namespace": "eu", "service.name": "shop", "service.instance.id": "i"},
            Source(STREAM_BYTES, "eu/shop", "i"),
        ),
        ({"other": "x"}, Source(STREAM_BYTES, "unknown_service", "", '{"other":"x"}')),
        ({"service.name": 7}, Source(STREAM_BYTES, "unknown_service")),
    ],
)
def test_service(resource: Json, source: Source, content_type: ContentType) -> None:
    """The service is its namespace and name; without both it is unknown, never an error."""
    body = encode(logs([scheduled(1)], resource=resource), content_type)
    assert decode_logs(body, content_type, RECEIVED_AT).batches[0].source == source


def test_what_else_a_resource_says_is_kept(content_type: ContentType) -> None:
    """Strings, numbers and booleans as they came; one text for all instances."""
    told = {"service.version": "7", "cpus": 8, "share": 0.5, "spot": True, "empty": ""}
    odd = {"list": Verbatim({"arrayValue": {"values": []}}), "nul": "a\0b"}
    request = logs([scheduled(1)], resource={"service.instance.id": "i", **told, **odd})
    request["resourceLogs"] += logs(
        [scheduled(1)], stream="aa" * 16, resource={"service.instance.id": "j", **told, **odd}
    )["resourceLogs"]
    batches = decode_logs(encode(request, content_type), content_type, RECEIVED_AT).batches
    one, other = (batch.source.resource for batch in batches)
    assert one is other
    kept = {key: value for key, value in told.items() if value} | {"nul": "a\ufffdb"}
    assert json.loads(one) == kept


def test_what_is_kept_of_a_resource_is_bounded(content_type: ContentType) -> None:
    """What finds no room is left out whole: in number, in bytes, and beyond 64 bits."""
    many: Json = {f"key{each}": each for each in range(100)}
    large = {"large": "x" * 5000, "half": "é" * 2000, "small": "y", "more": "é" * 2000}
    found = [_resource(resource, content_type) for resource in (many, large)]
    assert [list(each) for each in found] == [list(many)[:64], ["half", "small"]]
    if content_type == "json":
        assert _resource({"beyond": 2**63, "least": -(2**63)}, content_type) == {"least": -(2**63)}


def _resource(resource: Json, content_type: ContentType) -> Json:
    body = encode(logs([scheduled(1)], resource=resource), content_type)
    (batch,) = decode_logs(body, content_type, RECEIVED_AT).batches
    assert len(batch.source.resource.encode()) <= RESOURCE_BYTES
    return dict(json.loads(batch.source.resource))


@pytest.mark.parametrize("stream", ["5e" * 15, "zz" * 16, "0" * 32, "", 7, "5e " * 16])
def test_malformed_stream(stream: object, content_type: ContentType) -> None:
    """Evidence under a malformed stream is rejected; what is not evidence is passed by."""
    body = encode(logs([scheduled(1), record("other.event")], stream=stream), content_type)
    decoded = decode_logs(body, content_type, RECEIVED_AT)
    assert (decoded.batches, decoded.rejected, decoded.ignored) == ([], {"bad_stream": 1}, 1)


def test_facts_of_one_source_are_one_batch(content_type: ContentType) -> None:
    """A forwarder repeats resource and scope: the source is told once, its order is kept."""
    request = logs([scheduled(1)])
    request["resourceLogs"] += logs([scheduled(1)], stream="aa" * 16)["resourceLogs"]
    request["resourceLogs"] += logs([settled(2, 1)])["resourceLogs"]
    decoded = decode_logs(encode(request, content_type), content_type, RECEIVED_AT)
    told = [
        (batch.source.stream, [fact.sequence for fact in batch.facts]) for batch in decoded.batches
    ]
    assert told == [(STREAM_BYTES, [1, 2]), (b"\xaa" * 16, [1])]


def test_foreign_evidence(content_type: ContentType) -> None:
    """Without a stream a task is its own: trace id and span id, numbered by kind of evidence."""
    ids: Json = {"traceId": TRACE, "spanId": SPAN}
    records = [
        scheduled(None, **ids),
        record("deferred_task.started", **ids),
        settled(77, 66, **ids),
        scheduled(None, traceId=TRACE),
        scheduled(None, spanId=SPAN),
        scheduled(None, traceId="0" * 32, spanId=SPAN),
        record("deferred_task.instance", {"state": "up"}, **ids),
    ]
    decoded = decode_logs(encode(logs(records, stream=None), content_type), content_type, 1.0)
    (batch,) = decoded.batches
    assert batch.source == Source(FOREIGN, "shop")
    trace, span = FOREIGN[:16], FOREIGN[16:]
    assert batch.facts == [
        Scheduled(1, AT, "send", trace_id=trace, span_id=span),
        Started(2, FOREIGN_SCHEDULED, AT),
        Settled(5, 1, AT, "send", "completed", "completed", trace_id=trace, span_id=span),
    ]
    assert decoded.rejected == {"no_identity": 4}

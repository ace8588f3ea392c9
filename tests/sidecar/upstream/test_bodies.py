"""What is done to bodies before they go on: evidence is taken out, JSON becomes protobuf."""

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from afterword_sidecar.upstream.own_evidence import without_evidence
from afterword_sidecar.upstream.reencoding import MOST_OBJECTS, as_protobuf
from worlds.otlp_requests import ContentType, encode, logs, record, scheduled, settled, traces

SECRET = "4111111111111111"
FOREIGN: dict[str, Any] = {"timeUnixNano": "5", "body": {"stringValue": "a log line"}}


def decoded(body: bytes, content_type: ContentType) -> list[str]:
    """The display names of the log records in a request."""
    if content_type == "json":
        body = as_protobuf("logs", body)
    return [
        each.event_name or each.body.string_value
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs
        for scope in resource.scope_logs
        for each in scope.log_records
    ]


@pytest.mark.parametrize("content_type", ["json", "protobuf"])
def test_evidence_stays_and_everything_else_goes_on(content_type: ContentType) -> None:
    """By the event's name, new or old, and wherever a payload is; a verdict is no evidence."""
    older = record("", {"event.name": "deferred_task.started", "sequence": 2})
    request = logs(
        [
            scheduled(1, {"payload": SECRET}),
            FOREIGN,
            older,
            settled(3, 1),
            record("shop.paid", {"payload": SECRET}),
            record("deferred_task.nobody_knows_it", {}),
            record("deferred_task.verdict", {}),
            record("shop.paid", {}),
        ]
    )
    left = without_evidence(encode(request, content_type), content_type)
    assert decoded(left, content_type) == ["a log line", "deferred_task.verdict", "shop.paid"]
    assert SECRET.encode() not in left


@pytest.mark.parametrize("content_type", ["json", "protobuf"])
def test_nothing_is_left_of_evidence_alone(content_type: ContentType) -> None:
    """Then there is no request to send."""
    request = logs([scheduled(1), settled(2, 1)])
    assert without_evidence(encode(request, content_type), content_type) == b""


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("protobuf", b"\x0a\xff"),
        ("json", b"[]"),
        ("json", b'{"resourceLogs": 5}'),
        ("json", b'{"resourceLogs": [7]}'),
        ("json", b'{"resourceLogs": [{"scopeLogs": [{"logRecords": ["x"]}]}]}'),
        ("json", b'{"resourceLogs": '),
        ("json", b'{"x": ' + b"[" * 100_000),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(content_type: ContentType, body: bytes) -> None:
    """Passed on whole it might carry a payload."""
    with pytest.raises((ValueError, RecursionError)):
        without_evidence(body, content_type)


def test_json_becomes_the_protobuf_it_stands_for() -> None:
    """Ids are hex in one and bytes in the other, integers strings in one; links and parents too."""
    span = {
        "traceId": "0AF7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "parentSpanId": "00f067aa0ba902b7",
        "name": "GET /",
        "kind": 2,
        "startTimeUnixNano": "1795460000000000001",
        "links": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203332"}],
        "attributes": [{"key": "traceId", "value": {"stringValue": "not hex"}}],
    }
    request = traces([span])
    assert as_protobuf("traces", json.dumps(request).encode()) == encode(request, "protobuf")


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}',
        b'{"resourceSpans": 5}',
        b"[]",
        b"{" + b"[" * MOST_OBJECTS,
        b"\xff",
    ],
)
def test_json_that_stands_for_nothing_is_refused(body: bytes) -> None:
    """Broken ids, wrong types, bombs."""
    with pytest.raises((ValueError, RecursionError)):
        as_protobuf("traces", body)

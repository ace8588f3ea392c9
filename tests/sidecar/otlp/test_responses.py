"""Answers, read back by the classes that clients read them with."""

import json

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from afterword_sidecar.otlp import Signal, encode_response, encode_status

ODD = 'two "quoted"\n\ud800 é'


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics", "profiles"])
def test_full_success_is_empty(signal: Signal) -> None:
    """``partial_success`` is left unset where nothing was rejected."""
    assert encode_response(signal, "protobuf") == b""
    assert encode_response(signal, "json") == b"{}"


def test_partial_success_in_protobuf() -> None:
    """Each signal has its own count; odd text does no harm."""
    logs = ExportLogsServiceResponse.FromString(encode_response("logs", "protobuf", 3, ODD))
    assert logs.partial_success.rejected_log_records == 3
    assert logs.partial_success.error_message == 'two "quoted"\n? é'
    spans = ExportTraceServiceResponse.FromString(encode_response("traces", "protobuf", 4, "m"))
    assert spans.partial_success.rejected_spans == 4
    points = ExportMetricsServiceResponse.FromString(encode_response("metrics", "protobuf", 5))
    assert points.partial_success.rejected_data_points == 5


@pytest.mark.parametrize(
    ("signal", "key"),
    [
        ("logs", "rejectedLogRecords"),
        ("traces", "rejectedSpans"),
        ("metrics", "rejectedDataPoints"),
        ("profiles", "rejectedProfiles"),
    ],
)
def test_partial_success_in_json(signal: Signal, key: str) -> None:
    """64-bit counts are strings, as protobuf's JSON has them; a message alone is a warning."""
    partial = json.loads(encode_response(signal, "json", 3, ODD))["partialSuccess"]
    assert partial == {key: "3", "errorMessage": 'two "quoted"\n? é'}
    warning = json.loads(encode_response(signal, "json", 0, "careful"))["partialSuccess"]
    assert warning == {key: "0", "errorMessage": "careful"}


def test_errors_are_google_rpc_status() -> None:
    """An error's body is a Status in either encoding."""
    status = Status.FromString(encode_status("protobuf", 8, ODD))
    assert (status.code, status.message) == (8, 'two "quoted"\n? é')
    assert json.loads(encode_status("json", 8, "full")) == {"code": 8, "message": "full"}

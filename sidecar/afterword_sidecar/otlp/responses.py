"""Answers in the request's own encoding: full and partial success, and errors.

Source: opentelemetry-proto ``docs/specification.md`` (OTLP/HTTP Response), ``google.rpc.Status``.
"""

import json
from typing import Final

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from afterword_sidecar.otlp.decode import ContentType, Signal

_REJECTED: Final[dict[Signal, str]] = {
    "logs": "rejectedLogRecords",
    "traces": "rejectedSpans",
    "metrics": "rejectedDataPoints",
    "profiles": "rejectedProfiles",
}


def encode_response(
    signal: Signal, content_type: ContentType, rejected: int = 0, message: str = ""
) -> bytes:
    """The body of a 200: empty (``{}``) for full success, else ``partial_success``.

    ``rejected``: how many records were not taken and must not be sent again. With a ``message`` and
    none rejected it is a warning.
    """
    partial = bool(rejected or message)
    message = _valid(message)
    if content_type == "json":
        return _json_response(signal, rejected, message) if partial else b"{}"
    return _protobuf_response(signal, rejected, message) if partial else b""


def _json_response(signal: Signal, rejected: int, message: str) -> bytes:
    # 64-bit integers are strings in protobuf's JSON.
    partial = {_REJECTED[signal]: str(rejected), "errorMessage": message}
    return json.dumps({"partialSuccess": partial}).encode()


def _protobuf_response(signal: Signal, rejected: int, message: str) -> bytes:
    response: ExportLogsServiceResponse | ExportTraceServiceResponse | ExportMetricsServiceResponse
    match signal:
        case "logs":
            response = ExportLogsServiceResponse()
            response.partial_success.rejected_log_records = rejected
        case "traces":
            response = ExportTraceServiceResponse()
            response.partial_success.rejected_spans = rejected
        case "metrics" | "profiles":
            # Profiles' own message is in development; its two fields have the same numbers.
            response = ExportMetricsServiceResponse()
            response.partial_success.rejected_data_points = rejected
    response.partial_success.error_message = message
    return response.SerializeToString()


def _valid(message: str) -> str:
    """``message`` as UTF-8 can carry it."""
    return message.encode("utf-8", "replace").decode("utf-8")


def encode_status(content_type: ContentType, code: int, message: str) -> bytes:
    """The body of an error: ``google.rpc.Status`` with a gRPC ``code`` and a message."""
    if content_type == "json":
        return json.dumps({"code": code, "message": _valid(message)}).encode()
    encoded: bytes = Status(code=code, message=_valid(message)).SerializeToString()
    return encoded

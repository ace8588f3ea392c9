"""OTLP/JSON as protobuf, for upstreams that read nothing else. Pure.

``json_format`` does the work, but reads bytes as base64, where OTLP/JSON writes ids as hex.
"""

import base64
import json
from typing import Any, Final

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from afterword_sidecar.upstream.destinations import Signal

_REQUESTS: Final[dict[Signal, type[Message]]] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
_IDS: Final = ("traceId", "spanId", "parentSpanId")
MOST_OBJECTS: Final = 500_000
"""Braces and brackets: an upper bound of the objects that are built."""


def as_protobuf(signal: Signal, body: bytes) -> bytes:
    """The JSON request ``body`` as protobuf. Raises ``ValueError`` or ``RecursionError``."""
    if body.count(b"{") + body.count(b"[") > MOST_OBJECTS:
        raise ValueError(f"more than {MOST_OBJECTS} objects and arrays")
    # Attributes are lists of keys and values, so that no key of a user's is a key of the JSON.
    plain = json.loads(body.decode("utf-8", "replace"), object_hook=_with_base64_ids)
    if not isinstance(plain, dict):
        raise ValueError("the body is not an object")  # noqa: TRY004 - a body's fault
    request = _REQUESTS[signal]()
    try:
        return ParseDict(plain, request, ignore_unknown_fields=True).SerializeToString()
    except ParseError as error:
        raise ValueError(str(error)) from error


def _with_base64_ids(members: dict[str, Any]) -> dict[str, Any]:
    for key in _IDS:
        value = members.get(key)
        if isinstance(value, str):
            members[key] = base64.b64encode(bytes.fromhex(value)).decode()
    return members

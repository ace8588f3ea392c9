"""OTLP requests for tests, written as OTLP/JSON and encoded either way.

The protobuf comes from the generated classes by ``json_format``, so that neither encoding is ours.
"""

import base64
import json
import math
from typing import Any, Literal

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ContentType = Literal["json", "protobuf"]
Json = dict[str, Any]

STREAM = "5e" * 16
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
AT = 1_795_460_000.5
RECEIVED_AT = 1_795_460_001.0
_IDS = ("traceId", "spanId", "parentSpanId")


class Verbatim:
    """An attribute's value given as the ``AnyValue`` itself."""

    def __init__(self, any_value: Any) -> None:
        self.any_value = any_value

    def __repr__(self) -> str:
        return f"Verbatim({self.any_value!r})"  # test ids must be the same in every process


def any_value(value: Any) -> Any:
    match value:
        case Verbatim():
            return value.any_value
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": value}


def attributes(values: Json) -> list[Json]:
    """``None`` leaves an attribute out."""
    return [{"key": k, "value": any_value(v)} for k, v in values.items() if v is not None]


def record(event: str, told: Json | None = None, **fields: Any) -> Json:
    """A log record. Names without a dot in ``told`` are ``deferred_task.``'s."""
    named = {k if "." in k else f"deferred_task.{k}": v for k, v in (told or {}).items()}
    whole = {
        "timeUnixNano": str(int(AT * 1e9)),
        "eventName": event,
        "attributes": attributes(named),
        **fields,
    }
    return {key: value for key, value in whole.items() if value is not None}


def scheduled(sequence: Any, told: Json | None = None, **fields: Any) -> Json:
    return record(
        "deferred_task.scheduled", {"sequence": sequence, "name": "send", **(told or {})}, **fields
    )


def settled(sequence: Any, opening: Any, told: Json | None = None, **fields: Any) -> Json:
    whole = {
        "sequence": sequence,
        "opening_sequence": opening,
        "name": "send",
        "outcome": "completed",
        "reason": "completed",
        **(told or {}),
    }
    return record("deferred_task.settled", whole, **fields)


def logs(records: list[Any], *, stream: Any = STREAM, resource: Json | None = None) -> Json:
    scope = {"name": "afterword", "attributes": attributes({"deferred_task.stream": stream})}
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": attributes(resource or {"service.name": "shop"})},
                "scopeLogs": [{"scope": scope, "logRecords": records}],
            }
        ]
    }


def traces(spans: list[Any], *, resource: Json | None = None) -> Json:
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes(resource or {"service.name": "shop"})},
                "scopeSpans": [{"scope": {"name": "other"}, "spans": spans}],
            }
        ]
    }


def encode(request: Json, content_type: ContentType) -> bytes:
    """The request's bytes; protobuf for what protobuf can say."""
    if content_type == "json":
        return json.dumps(request).encode()
    message = (
        ExportLogsServiceRequest() if "resourceLogs" in request else ExportTraceServiceRequest()
    )
    ParseDict(_for_json_format(request), message)
    return message.SerializeToString()


def _for_json_format(value: Any, key: str = "") -> Any:
    """``json_format`` wants ids in base64, where OTLP/JSON has hexadecimal, and infinity quoted."""
    if isinstance(value, dict):
        return {name: _for_json_format(member, name) for name, member in value.items()}
    if isinstance(value, list):
        return [_for_json_format(element) for element in value]
    if value == math.inf:
        return "Infinity"
    if key in _IDS:
        return base64.b64encode(bytes.fromhex(value)).decode()
    return value

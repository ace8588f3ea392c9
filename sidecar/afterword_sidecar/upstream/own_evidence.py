"""Log requests without the evidence in them: that is the sidecar's, payloads above all. Pure."""

import json
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from afterword import names
from afterword_sidecar.upstream.requests import ContentType

_OURS: Final = "deferred_task."


def without_evidence(body: bytes, content_type: ContentType) -> bytes:
    """The request with the other records; empty if there are none.

    ``body`` is not compressed. Raises ``ValueError`` or ``RecursionError`` for a body that cannot
    be read whole: who cannot tell passes nothing on.
    """
    if content_type == "json":
        return _of_json(json.loads(body.decode("utf-8", "replace")))
    try:
        request = ExportLogsServiceRequest.FromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from error
    return _of_protobuf(request)


def _of_protobuf(request: ExportLogsServiceRequest) -> bytes:
    left = False
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            others = [record for record in scope.log_records if not _is_evidence(record)]
            left = left or bool(others)
            if len(others) < len(scope.log_records):
                kept = [LogRecord.FromString(each.SerializeToString()) for each in others]
                del scope.log_records[:]
                scope.log_records.extend(kept)
    return request.SerializeToString() if left else b""


def _is_evidence(record: LogRecord) -> bool:
    texts = {each.key: each.value.string_value for each in record.attributes}
    return _named_ours(record.event_name or texts.get(names.EVENT_NAME, ""), texts)


def _of_json(request: Any) -> bytes:
    left = False
    for resource in _elements(request, "resourceLogs"):
        for scope in _elements(resource, "scopeLogs"):
            records = _elements(scope, "logRecords")
            others = [record for record in records if not _is_json_evidence(record)]
            left = left or bool(others)
            scope["logRecords"] = others
    return json.dumps(request, separators=(",", ":")).encode() if left else b""


def _elements(carrier: Any, key: str) -> list[Any]:
    if not isinstance(carrier, dict):
        raise ValueError(f"what holds {key} is not an object")  # noqa: TRY004 - a body's fault
    found = carrier.get(key) or []
    if not isinstance(found, list):
        raise ValueError(f"{key} is not an array")  # noqa: TRY004 - a body's fault
    return found


def _is_json_evidence(record: Any) -> bool:
    attributes = _elements(record, "attributes")
    texts = {
        each.get("key"): (each.get("value") or {}).get("stringValue")
        for each in attributes
        if isinstance(each, dict) and isinstance(each.get("value") or {}, dict)
    }
    name = record.get("eventName") or texts.get(names.EVENT_NAME) or ""
    return _named_ours(name if isinstance(name, str) else "", texts)


def _named_ours(event_name: str, attributes: Any) -> bool:
    if event_name == names.EVENT_VERDICT:
        return False
    return event_name.startswith(_OURS) or names.PAYLOAD in attributes

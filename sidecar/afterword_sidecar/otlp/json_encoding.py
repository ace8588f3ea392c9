"""OTLP/JSON to records. One typed pass by msgspec; when that refuses, record by record.

Log requests take the short cut of ``familiar`` where they can. msgspec refuses a whole body for one
bad record: a lone surrogate (which ``json.dumps`` writes), a ``NaN``, bad UTF-8, nesting, a wrong
type. Then ``json_outline`` finds the records' bytes without reading them, and each is decoded
alone, by msgspec or, failing that, by the standard library, which admits the first three.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from afterword_sidecar.otlp.errors import TooManyRecords, Undecodable
from afterword_sidecar.otlp.familiar import FAMILIAR_LOGS
from afterword_sidecar.otlp.json_outline import RAW, Outline, outline
from afterword_sidecar.otlp.limits import DecodeLimits
from afterword_sidecar.otlp.scoped import Scoped
from afterword_sidecar.otlp.shapes import (
    Attributed,
    LogRecord,
    LogsRequest,
    MetricsRequest,
    Span,
    TracesRequest,
)

R = TypeVar("R", LogRecord, Span)
T = TypeVar("T")
REFUSALS: Final = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
"""What msgspec raises for bytes that it cannot decode: of the wrong shape, range or depth."""


class JsonSignal(NamedTuple, Generic[R]):
    """How one signal's request is spelt in JSON."""

    requests: tuple[msgspec.json.Decoder[Any], ...]
    """Of ``LogsRequest`` or ``TracesRequest``, which have the same Python field names; each takes
    what the one before it refuses."""
    record: type[R]
    resources: str
    scopes: str
    records: str


# strict=False reads numbers written as strings, which is how JSON carries 64 bits.
JSON_LOGS: Final = JsonSignal(
    (
        msgspec.json.Decoder(FAMILIAR_LOGS, strict=False),
        msgspec.json.Decoder(LogsRequest, strict=False),
    ),
    LogRecord,
    "resourceLogs",
    "scopeLogs",
    "logRecords",
)
JSON_TRACES: Final = JsonSignal(
    (msgspec.json.Decoder(TracesRequest, strict=False),),
    Span,
    "resourceSpans",
    "scopeSpans",
    "spans",
)
_METRICS: Final = msgspec.json.Decoder(MetricsRequest)


def read_json(body: bytes, signal: JsonSignal[R], limits: DecodeLimits) -> list[Scoped[R]]:
    """The records of a request. Raises ``Undecodable``, ``TooManyRecords``."""
    # A body of n bytes opens n objects at most, so that counting, which is slow, is for the large.
    if len(body) > limits.json_objects:
        _refuse_bombs(body, limits)
    if not body or body.isspace():
        return []
    request = _whole(body, signal)
    if request is None:
        return list(_isolated(body, signal, limits))
    scopes = [
        Scoped(resource.resource, scope.scope, scope.records)
        for resource in request.resources or ()
        for scope in resource.scopes or ()
        if scope.records
    ]
    if sum(len(scope.records) for scope in scopes) > limits.records:
        raise TooManyRecords(f"cannot decode OTLP/JSON: more than {limits.records} records")
    return scopes


def _whole(body: bytes, signal: JsonSignal[R]) -> Any:
    for request in signal.requests:
        try:
            return request.decode(body)
        except REFUSALS:
            continue
    return None


def check_json_metrics(body: bytes, limits: DecodeLimits) -> None:
    """Raises ``Undecodable`` unless the body is an ``ExportMetricsServiceRequest``.

    What is in it is only looked at where msgspec refuses the whole; ``TooManyRecords`` then.
    """
    if not body or body.isspace():
        return
    try:
        resources = bytes(_METRICS.decode(body).resources)
    except REFUSALS:
        _refuse_bombs(body, limits)
        request = outline(body, {"resourceMetrics": RAW}, limits.records)
        if not isinstance(request, dict):
            raise Undecodable("cannot decode OTLP/JSON: the body is not an object") from None
        found = request.get("resourceMetrics")
        resources = found if isinstance(found, bytes) else b""
    if resources and not resources.startswith((b"[", b"null")):
        raise Undecodable("cannot decode OTLP/JSON: resourceMetrics is not an array")


def _refuse_bombs(body: bytes, limits: DecodeLimits) -> None:
    opened = body.count(b"{") + body.count(b"[")
    if opened > limits.json_objects:
        raise TooManyRecords(
            f"cannot decode OTLP/JSON: {opened} objects and arrays, at most"
            f" {limits.json_objects} are taken: send smaller batches"
        )


def _isolated(body: bytes, signal: JsonSignal[R], limits: DecodeLimits) -> Iterator[Scoped[R]]:
    shape = {
        signal.resources: [
            {"resource": RAW, signal.scopes: [{"scope": RAW, signal.records: [RAW]}]}
        ]
    }
    request = outline(body, shape, limits.records)
    if not isinstance(request, dict):
        raise Undecodable("cannot decode OTLP/JSON: the body is not an object")
    resources = _elements(request.get(signal.resources))
    if resources is None:
        raise Undecodable(f"cannot decode OTLP/JSON: {signal.resources} is not an array")
    for resource in resources:
        yield from _of_resource(resource, signal, limits)


def _of_resource(
    resource: Outline, signal: JsonSignal[R], limits: DecodeLimits
) -> Iterator[Scoped[R]]:
    """What cannot be told apart any further counts as one malformed record."""
    scopes = _elements(resource.get(signal.scopes)) if isinstance(resource, dict) else None
    if not isinstance(resource, dict) or scopes is None:
        yield Scoped(None, None, [None])
        return
    about, about_readable = _attributed(resource.get("resource"), limits)
    for scope in scopes:
        raws = _elements(scope.get(signal.records)) if isinstance(scope, dict) else None
        if not isinstance(scope, dict) or raws is None:
            yield Scoped(None, None, [None])
            continue
        told_by, told_by_readable = _attributed(scope.get("scope"), limits)
        records = [read_alone(raw, signal.record, limits) for raw in raws]
        yield Scoped(about, told_by, records, about_readable and told_by_readable)


def _elements(array: Outline) -> list[Outline] | None:
    """An array's elements, none where it is absent; ``None`` if it is no array."""
    if array is None:
        return []
    return array if isinstance(array, list) else None


def _attributed(raw: Outline, limits: DecodeLimits) -> tuple[Attributed | None, bool]:
    if raw is None:
        return None, True
    read = read_alone(raw, Attributed, limits)
    return read, read is not None


def read_alone(raw: Outline, shape: type[T], limits: DecodeLimits) -> T | None:
    """One record's JSON in its shape; ``None`` if it is not one."""
    if not isinstance(raw, bytes):
        return None
    try:
        return msgspec.json.decode(raw, type=shape, strict=False)
    except REFUSALS:
        if len(raw) > limits.record_bytes:  # the standard library builds all of it
            return None
    try:
        plain = json.loads(raw.decode("utf-8", "replace"), object_hook=_without_nulls)
        return msgspec.convert(plain, shape, strict=False)
    except REFUSALS:
        return None


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}

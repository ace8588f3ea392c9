"""OTLP/protobuf to records: the envelope by hand (``protobuf_wire``), each record by upb.

Records in which ``deferred_task.`` does not occur are passed by unread: protobuf writes strings as
they are, so that they cannot be evidence. One of ours costs 10.5 µs, where JSON takes 3: a look
into upb's objects costs about what msgspec takes for a whole attribute.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.common.v1.common_pb2 import KeyValue as WireKeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as WireLogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as WireResource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from afterword import names
from afterword_sidecar.otlp.errors import TooManyRecords, Undecodable
from afterword_sidecar.otlp.limits import DecodeLimits
from afterword_sidecar.otlp.protobuf_wire import BrokenWire, fields
from afterword_sidecar.otlp.scoped import Scoped
from afterword_sidecar.otlp.shapes import (
    ABSENT,
    AnyValue,
    Attributed,
    KeyValue,
    LogRecord,
    Span,
    SpanEvent,
    Status,
)

R = TypeVar("R")
Build = Callable[[bytes, DecodeLimits], R]
"""A record from its bytes. Raises one of ``_REFUSALS``."""
_REFUSALS: Final = (DecodeError, ValueError, RecursionError)
_EVIDENCE: Final = b"deferred_task."
_NAME: Final = names.NAME.encode()

# In logs, traces and metrics alike: request.resource_x; resource_x.resource and .scope_x;
# scope_x.scope and .x.
_CARRIER: Final = 1
_CONTENTS: Final = 2


class _Parts(NamedTuple):
    """A resource's or scope's share of a message: what it is, and where its contents are."""

    carrier: bytes
    contents: list[tuple[int, int]]


class _Envelope:
    """Walks one request and counts what it holds, so that emptiness cannot be multiplied."""

    def __init__(self, body: bytes, limits: DecodeLimits) -> None:
        self.body = body
        self._most = limits.records
        self._seen = 0

    def resources(self) -> list[tuple[int, int]]:
        """Where each ``resource_x`` is. Raises ``Undecodable``, ``TooManyRecords``."""
        found = []
        try:
            for number, start, end in fields(self.body, 0, len(self.body)):
                self._count()
                if number == _CARRIER:
                    found.append((start, end))
        except BrokenWire as error:
            raise Undecodable(f"cannot decode OTLP/protobuf: {error}") from error
        return found

    def parts(self, start: int, end: int) -> _Parts | None:
        """What is between; ``None`` if it is no message. Raises ``TooManyRecords``."""
        carrier, contents = [], []
        try:
            for number, at, until in fields(self.body, start, end):
                self._count()
                if number == _CONTENTS:
                    contents.append((at, until))
                elif number == _CARRIER:
                    carrier.append(self.body[at:until])
        except BrokenWire:
            return None
        # A message told in pieces is their concatenation.
        return _Parts(b"".join(carrier), contents)

    def _count(self) -> None:
        self._seen += 1
        if self._seen > self._most:
            raise TooManyRecords(
                f"cannot decode OTLP/protobuf: more than {self._most} records and other"
                " fields: send smaller batches"
            )


def read_protobuf(body: bytes, build: Build[R], limits: DecodeLimits) -> Iterator[Scoped[R]]:
    """The records of a request. Raises ``Undecodable``, ``TooManyRecords``."""
    envelope = _Envelope(body, limits)
    for start, end in envelope.resources():
        resource = envelope.parts(start, end)
        if resource is None:
            yield Scoped(None, None, [None])
            continue
        about = _read(resource.carrier, _resource, limits)
        for at, until in resource.contents:
            scope = envelope.parts(at, until)
            if scope is None:
                yield Scoped(None, None, [None])
                continue
            told_by = _read(scope.carrier, _scope, limits)
            records = [_read(body[at:until], build, limits) for at, until in scope.contents]
            readable = about is not None and told_by is not None
            yield Scoped(about, told_by, records, readable)


def check_protobuf(body: bytes, limits: DecodeLimits) -> None:
    """Raises ``Undecodable`` unless the body is a request of some signal."""
    _Envelope(body, limits).resources()


def _read(raw: bytes, build: Build[R], limits: DecodeLimits) -> R | None:
    try:
        return build(raw, limits)
    except _REFUSALS:
        return None


def _bounded(raw: bytes, limits: DecodeLimits) -> bytes:
    if len(raw) > limits.record_bytes:
        raise ValueError(f"{len(raw)} bytes, at most {limits.record_bytes} are read")
    return raw


def _resource(raw: bytes, limits: DecodeLimits) -> Attributed:
    return Attributed(
        _attributes(WireResource.FromString(_bounded(raw, limits)).attributes, limits)
    )


def _scope(raw: bytes, limits: DecodeLimits) -> Attributed:
    scope = InstrumentationScope.FromString(_bounded(raw, limits))
    return Attributed(_attributes(scope.attributes, limits))


def build_log_record(raw: bytes, limits: DecodeLimits) -> LogRecord:
    """A log record from its bytes, empty if it is not evidence."""
    if _EVIDENCE not in raw:
        return LogRecord()
    record = WireLogRecord.FromString(_bounded(raw, limits))
    return LogRecord(
        _attributes(record.attributes, limits),
        record.time_unix_nano,
        record.observed_time_unix_nano,
        record.event_name,
        record.trace_id.hex(),
        record.span_id.hex(),
        record.flags,
    )


def build_span(raw: bytes, limits: DecodeLimits) -> Span:
    """A span from its bytes, empty if it names no deferred task."""
    if _NAME not in raw:
        return Span()
    span = WireSpan.FromString(_bounded(raw, limits))
    if len(span.events) > limits.attributes:
        raise ValueError(f"{len(span.events)} events, at most {limits.attributes} are read")
    return Span(
        _attributes(span.attributes, limits),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        Status(span.status.code, span.status.message),
        [SpanEvent(event.name, _attributes(event.attributes, limits)) for event in span.events],
    )


def _attributes(attributes: Iterable[WireKeyValue], limits: DecodeLimits) -> list[KeyValue]:
    read: list[KeyValue] = []
    for attribute in attributes:
        if len(read) == limits.attributes:
            raise ValueError(f"more than {limits.attributes} attributes")
        value = attribute.value
        match value.WhichOneof("value"):
            case "string_value":
                scalar = AnyValue(value.string_value)
            case "int_value":
                scalar = AnyValue(None, value.int_value)
            case "double_value":
                scalar = AnyValue(None, None, value.double_value)
            case "bool_value":
                scalar = AnyValue(None, None, None, value.bool_value)
            case _:
                scalar = ABSENT
        read.append(KeyValue(attribute.key, scalar))
    return read

"""OTLP messages, cut down to the fields evidence is read from. Both encodings end in these.

What is not named here is skipped by the tokeniser and never becomes an object. Every field may be
absent, and, but for an attribute's key and value, ``null``. ``gc=False``: they are trees, made in
their thousands, and live for one request.

Source: opentelemetry-proto, ``logs/v1/logs.proto``, ``trace/v1/trace.proto``, ``common/v1``.
"""

from typing import Final

import msgspec


class AnyValue(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A scalar value of an attribute; of bytes, arrays and maps all four are ``None``."""

    string_value: str | None = None
    int_value: int | None = None
    double_value: float | None = None
    bool_value: bool | None = None


ABSENT: Final = AnyValue()
"""An attribute that is not there, or has no value; every reader of values takes it for that."""


class KeyValue(msgspec.Struct, gc=False):
    """One attribute. No ``null`` here: a check per attribute would be the dearest of all."""

    key: str = ""
    value: AnyValue = ABSENT


class Attributed(msgspec.Struct, gc=False):
    """A resource or an instrumentation scope: of both only the attributes are read."""

    attributes: list[KeyValue] | None = None


class LogRecord(msgspec.Struct, gc=False, rename="camel"):
    """A log record; ``event_name`` is empty with older senders (attribute ``event.name``)."""

    attributes: list[KeyValue] | None = None
    time_unix_nano: int | None = None
    observed_time_unix_nano: int | None = None
    event_name: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    flags: int | None = None


class Status(msgspec.Struct, gc=False):
    """A span's status: code 0 unset, 1 OK, 2 error."""

    code: int | None = None
    message: str | None = None


class SpanEvent(msgspec.Struct, gc=False):
    """An event on a span; ``exception`` is the one that is read."""

    name: str | None = None
    attributes: list[KeyValue] | None = None


class Span(msgspec.Struct, gc=False, rename="camel"):
    """A span, ended or (``end_time_unix_nano`` absent) not."""

    attributes: list[KeyValue] | None = None
    start_time_unix_nano: int | None = None
    end_time_unix_nano: int | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    status: Status | None = None
    events: list[SpanEvent] | None = None


class ScopeLogs(msgspec.Struct, gc=False, rename={"records": "logRecords"}):
    """Log records of one instrumentation scope."""

    scope: Attributed | None = None
    records: list[LogRecord] | None = None


class ResourceLogs(msgspec.Struct, gc=False, rename={"scopes": "scopeLogs"}):
    """Log records of one resource."""

    resource: Attributed | None = None
    scopes: list[ScopeLogs] | None = None


class LogsRequest(msgspec.Struct, gc=False, rename={"resources": "resourceLogs"}):
    """``ExportLogsServiceRequest``."""

    resources: list[ResourceLogs] | None = None


class ScopeSpans(msgspec.Struct, gc=False, rename={"records": "spans"}):
    """Spans of one instrumentation scope."""

    scope: Attributed | None = None
    records: list[Span] | None = None


class ResourceSpans(msgspec.Struct, gc=False, rename={"scopes": "scopeSpans"}):
    """Spans of one resource."""

    resource: Attributed | None = None
    scopes: list[ScopeSpans] | None = None


class TracesRequest(msgspec.Struct, gc=False, rename={"resources": "resourceSpans"}):
    """``ExportTraceServiceRequest``."""

    resources: list[ResourceSpans] | None = None


class MetricsRequest(msgspec.Struct, gc=False, rename={"resources": "resourceMetrics"}):
    """``ExportMetricsServiceRequest``: not looked into."""

    resources: msgspec.Raw = msgspec.Raw()

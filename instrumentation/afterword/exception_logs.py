"""Exceptions as log events, for applications that opted in to where OpenTelemetry is going.

``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs`` (instead of the span's event) or ``logs/dup`` (both).
Through the application's own logger provider, with the texts redacted as everywhere.
"""

import sys
from typing import TYPE_CHECKING, Any

from afterword import names
from afterword.spans import exception_attributes
from afterword.version import VERSION

if TYPE_CHECKING:
    from afterword.evidence import Failure, Opening


def emit(failure: "Failure", opening: "Opening") -> None:
    """Emit one ``exception`` event; nothing if nobody imported OpenTelemetry's logs API."""
    api: Any = sys.modules.get("opentelemetry._logs")
    if api is None or not hasattr(api, "get_logger"):
        return
    record = api.LogRecord(
        event_name="exception",
        severity_number=api.SeverityNumber.ERROR,
        context=_context_of(opening),
        attributes={**exception_attributes(failure), names.NAME: opening.kind.name},
    )
    api.get_logger(names.SCOPE_NAME, VERSION).emit(record)


def _context_of(opening: "Opening") -> Any:
    """The task's span as the record's context; the current one where it has none."""
    from opentelemetry import trace  # noqa: PLC0415 - imported with the logs API
    from opentelemetry.context import get_current  # noqa: PLC0415 - the same

    if not opening.span_id:
        return get_current()
    flags = trace.TraceFlags(int(opening.sampled))
    own = trace.SpanContext(opening.trace_id, opening.span_id, False, flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(own))

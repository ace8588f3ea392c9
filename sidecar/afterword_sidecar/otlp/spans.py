"""Spans to facts: an ended span of a foreign SDK that names a deferred task is its closing.

A span's status does not say what a closing says. ``deferred_task.outcome`` decides where it is
there and does not contradict the status; then error means failed and OK completed. UNSET means
nothing: spans of cancelled and killed work end so too, and only a service that says that its own do
not (``unset_completed``) has them read as completed.
"""

from collections.abc import Iterable
from typing import Final

from afterword import names
from afterword_sidecar.ledger.facts import Source, SpanEnded
from afterword_sidecar.otlp.decoded import Gathering
from afterword_sidecar.otlp.limits import MESSAGE_CHARACTERS
from afterword_sidecar.otlp.log_evidence import ORIGINS, UNKNOWN_PLATFORM, task_of
from afterword_sidecar.otlp.origin import Origin, origin_of
from afterword_sidecar.otlp.outcomes import outcome_and_reason
from afterword_sidecar.otlp.scoped import Scoped
from afterword_sidecar.otlp.shapes import ABSENT, Span
from afterword_sidecar.otlp.values import (
    LABELS,
    Attributes,
    Rejected,
    clean,
    span_id,
    text,
    trace_id,
    unix_seconds,
)

ANY_SERVICE: Final = "*"
"""In ``unset_completed``: all services."""
_OK: Final = 1
_ERROR: Final = 2
_EXCEPTION: Final = "exception"


def gather_spans(
    scopes: Iterable[Scoped[Span]], gathering: Gathering, unset_completed: frozenset[str]
) -> None:
    """Make facts of foreign spans that close a deferred task; count the rest."""
    for scoped in scopes:
        if not scoped.readable:
            gathering.reject("bad_resource", len(scoped.records))
            continue
        origin = origin_of(scoped.resource, scoped.scope)
        opted_in = ANY_SERVICE in unset_completed or origin.service in unset_completed
        for span in scoped.records:
            try:
                told = _closing(span, origin, unset_completed=opted_in)
            except Rejected as rejected:
                gathering.reject(rejected.reason)
                continue
            if told is None:
                gathering.ignored += 1
            else:
                source, fact = told
                gathering.facts_of(source).append(fact)


def _closing(
    span: Span | None, origin: Origin, *, unset_completed: bool
) -> tuple[Source, SpanEnded] | None:
    if span is None:
        raise Rejected("malformed")
    attributes = {kv.key: kv.value for kv in span.attributes or ()}
    # Ours have no such name, a missing one carries its stream; one without an end goes on.
    if names.NAME not in attributes or names.STREAM in attributes or not span.end_time_unix_nano:
        return None
    trace, own = trace_id(span.trace_id), span_id(span.span_id)
    if not (trace and own):
        raise Rejected("no_identity")
    ended_at = unix_seconds(span.end_time_unix_nano)
    started = span.start_time_unix_nano
    outcome, reason = _ending(span, attributes, unset_completed=unset_completed)
    error_type, message = _error(span, attributes) if outcome != names.COMPLETED else ("", "")
    fact = SpanEnded(
        at=ended_at,
        task=task_of(attributes),
        outcome=outcome,
        reason=reason,
        started_at=unix_seconds(started) if started else ended_at,
        platform=LABELS[attributes.get(names.PLATFORM, ABSENT).string_value] or UNKNOWN_PLATFORM,
        origin=ORIGINS.get(attributes.get(names.ORIGIN, ABSENT).string_value, names.ORIGIN_APP),
        error_type=error_type,
        exception_message=message,
        trace_id=trace,
        span_id=own,
        parent_span_id=span_id(span.parent_span_id),
    )
    return origin.source(trace + own), fact


def _ending(span: Span, attributes: Attributes, *, unset_completed: bool) -> tuple[str, str]:
    """(outcome, reason)."""
    status = (span.status.code if span.status else None) or 0
    told = attributes.get(names.OUTCOME, ABSENT).string_value
    if told and not (told == names.COMPLETED and status == _ERROR):
        return outcome_and_reason(told, attributes.get(names.REASON, ABSENT).string_value)
    if status == _ERROR:
        return names.FAILED, "exception"
    if status == _OK or unset_completed:
        return names.COMPLETED, "completed"
    return names.UNKNOWN, "span_unset"


def _error(span: Span, attributes: Attributes) -> tuple[str, str]:
    """(error type, message): what the span says, else what the exception recorded on it says."""
    error_type = LABELS[attributes.get(names.ERROR_TYPE, ABSENT).string_value]
    message = (span.status.message if span.status else None) or ""
    for event in span.events or ():
        if event.name == _EXCEPTION:
            about = {kv.key: kv.value for kv in event.attributes or ()}
            error_type = error_type or LABELS[about.get(names.EXCEPTION_TYPE, ABSENT).string_value]
            message = message or text(
                about.get(names.EXCEPTION_MESSAGE, ABSENT), MESSAGE_CHARACTERS
            )
    return error_type, clean(message, MESSAGE_CHARACTERS)

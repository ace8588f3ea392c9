"""A verdict as one wide log event: everything known of the task but its payload. Pure."""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import (
    SEVERITY_NUMBER_ERROR,
    SEVERITY_NUMBER_INFO,
    SEVERITY_NUMBER_WARN,
    LogRecord,
    ResourceLogs,
    ScopeLogs,
)

from afterword import names
from afterword_sidecar.ledger.records import Cited, ClockBounds, SettledTask, Verdict
from afterword_sidecar.upstream.attributes import (
    Value,
    any_value,
    key_values,
    nanoseconds,
    resource_of,
    scope_of,
)
from afterword_sidecar.upstream.place import place_of

_SEVERITIES: Final = {
    names.COMPLETED: (SEVERITY_NUMBER_INFO, "INFO"),
    names.CANCELLED: (SEVERITY_NUMBER_WARN, "WARN"),
    names.UNKNOWN: (SEVERITY_NUMBER_WARN, "WARN"),
    names.FAILED: (SEVERITY_NUMBER_ERROR, "ERROR"),
    names.TIMED_OUT: (SEVERITY_NUMBER_ERROR, "ERROR"),
    names.DROPPED: (SEVERITY_NUMBER_ERROR, "ERROR"),
}


def verdicts_request(settled: Iterable[SettledTask]) -> bytes:
    """One request with an event for each task, under the resource of its own service."""
    request = ExportLogsServiceRequest()
    for source, tasks in groupby(settled, key=lambda each: each.opening.source):
        request.resource_logs.append(
            ResourceLogs(
                resource=resource_of(source),
                scope_logs=[
                    ScopeLogs(scope=scope_of(source), log_records=map(verdict_event, tasks))
                ],
            )
        )
    return request.SerializeToString()


def verdict_event(settled: SettledTask) -> LogRecord:
    """The event. Its ``log.record.uid`` is the same whenever this verdict is told."""
    task, verdict = settled.opening, settled.verdict
    number, text = _SEVERITIES[verdict.outcome]
    place = place_of(task)
    record = LogRecord(
        time_unix_nano=nanoseconds(verdict.at),
        observed_time_unix_nano=nanoseconds(verdict.at),
        severity_number=number,
        severity_text=text,
        event_name=names.EVENT_VERDICT,
        body=any_value(
            f"{task.task}: {verdict.outcome}, {verdict.reason} ({verdict.basis}"
            f"{'' if verdict.final else ', not final'})"
        ),
        attributes=key_values(_told(settled) | _task(settled) | _ending(settled)),
    )
    if place is not None:
        record.trace_id = place.trace_id
        record.span_id = place.span_id
        record.flags = int(place.sampled)
    return record


def uid(settled: SettledTask) -> str:
    """The same for the same verdict on the same task, and for no other."""
    verdict = settled.verdict
    final = "final" if verdict.final else "open"
    return f"{settled.id}/{len(settled.history)}/{verdict.basis}/{final}"


def _told(settled: SettledTask) -> dict[str, Value | None]:
    """What was decided, and why."""
    return {
        names.LOG_RECORD_UID: uid(settled),
        names.TASK_ID: settled.id,
        names.REPORTED_BY: "sidecar",
        **decision(settled.verdict),
        names.REVISION: len(settled.history),
        names.EVIDENCE: [_cited(each) for each in settled.verdict.evidence],
        names.CLOCK: _clock(settled.verdict.clock),
        names.HISTORY: [_earlier(each) for each in settled.history] or None,
    }


def decision(verdict: Verdict) -> dict[str, Value | None]:
    """Outcome, reason, basis, rule, and whether it is final."""
    return {
        names.OUTCOME: verdict.outcome,
        names.REASON: verdict.reason,
        names.BASIS: verdict.basis,
        names.RULE: verdict.rule,
        names.FINAL: verdict.final,
    }


def _task(settled: SettledTask) -> dict[str, Value | None]:
    """What the task was."""
    task = settled.opening
    place = place_of(task)
    return {
        names.NAME: task.task,
        names.PLATFORM: task.series.platform,
        names.ORIGIN: task.series.origin,
        names.STREAM: task.source.stream.hex(),
        names.SEQUENCE: task.sequence,
        names.SCHEDULED_TIME: task.scheduled_at,
        names.DEADLINE: task.deadline,
        names.GUARD_LEAD: task.guard_lead_seconds or None,
        names.CODE_FUNCTION: task.function,
        names.HTTP_ROUTE: task.route,
        names.INVOCATION_ID: task.invocation,
        names.PARENT_SPAN_ID: place.parent_span_id.hex() if place else None,
        names.TRACE_SAMPLED: place.sampled if place else None,
        names.LINKS: task.notes.links,
        names.DEAD_LETTER: task.notes.replay_of,
        names.PAYLOAD_KEPT: task.has_payload,
        names.PAYLOAD_OMITTED: task.notes.payload_omitted,
    }


def _ending(settled: SettledTask) -> dict[str, Value | None]:
    """How far it came, and what it said of its end."""
    task = settled.opening
    return {
        names.STARTED_TIME: task.started_at or None,
        names.PENDING_TIME: task.notes.pending_at or None,
        names.PENDING_REASON: task.notes.pending_reason,
        names.AWAITING: settled.awaiting or task.notes.awaiting,
        names.ENDED_TIME: settled.settled_at,
        names.DURATION: settled.duration_seconds,
        names.ERROR_TYPE: settled.error_type,
        names.EXCEPTION_TYPE: settled.exception_type,
        names.EXCEPTION_MESSAGE: settled.exception_message,
        names.EXCEPTION_STACKTRACE: settled.exception_stacktrace,
    }


def _cited(cited: Cited) -> dict[str, Value | None]:
    return {"kind": cited.kind, "sequence": cited.sequence or None, "time": cited.at}


def _clock(clock: ClockBounds | None) -> dict[str, Value | None] | None:
    if clock is None:
        return None
    return {"offset": clock.offset_seconds, "grace": clock.grace_seconds, "due": clock.due}


def _earlier(verdict: Verdict) -> dict[str, Value | None]:
    return {
        "time": verdict.at,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "basis": verdict.basis,
        "rule": verdict.rule,
        "final": verdict.final,
    }

"""The span that a lost task never sent: its own ids, its own times, and why it never came. Pure.

An exporter sends a span when it ends, so that a killed task's is the one that is missing from its
trace. It is made up for once the verdict is final, and only where the task cannot have sent it:
its verdict does not rest on its own closing, and no evidence of its stream is known to be missing.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from afterword import names
from afterword_sidecar.ledger import verdicts
from afterword_sidecar.ledger.records import OpenTask, SettledTask
from afterword_sidecar.upstream.attributes import (
    Value,
    key_values,
    nanoseconds,
    resource_of,
    scope_of,
)
from afterword_sidecar.upstream.place import Place, made_span_id, place_of
from afterword_sidecar.upstream.verdict_events import decision

_BY_THE_SIDECARS_CLOCK: Final = (
    verdicts.STREAM_ENDED,
    verdicts.LEASE_LAPSED,
    verdicts.SILENCE,
    names.EVENT_INSTANCE,
)
"""Evidence whose time is the sidecar's own; that of the rest is the task's."""
_OF_THE_TASK: Final = (names.EVENT_SCHEDULED, names.EVENT_STARTED, names.EVENT_PENDING)
_LINK_CHARACTERS: Final = 32 + 1 + 16


def is_missing(settled: SettledTask, *, unsampled: bool) -> bool:
    """Whether the span never came and is to be sent now.

    Args:
        settled: the task as it stands.
        unsampled: send it too where the rest of its trace was not kept.
    """
    verdict = settled.verdict
    place = place_of(settled.opening)
    if place is None or not (place.sampled or unsampled):
        return False
    lost = verdict.final and verdict.basis != names.OBSERVED and verdict.outcome != names.UNKNOWN
    return lost and not any(_was_sent(earlier.final, earlier.basis) for earlier in settled.history)


def _was_sent(final: bool, basis: str) -> bool:  # noqa: FBT001 - two fields of a verdict
    return final and basis != names.OBSERVED


def spans_request(missing: Iterable[SettledTask]) -> bytes:
    """One request with the span of each task, under the resource of its own service."""
    request = ExportTraceServiceRequest()
    for source, tasks in groupby(missing, key=lambda each: each.opening.source):
        spans = [span for span in map(missing_span, tasks) if span is not None]
        request.resource_spans.append(
            ResourceSpans(
                resource=resource_of(source),
                scope_spans=[ScopeSpans(scope=scope_of(source), spans=spans)],
            )
        )
    return request.SerializeToString()


def missing_span(settled: SettledTask) -> Span | None:
    """The span as it would have been, had the task lived to send it; ``None`` without a trace."""
    task, verdict = settled.opening, settled.verdict
    place = place_of(task)
    if place is None:
        return None
    return Span(
        trace_id=place.trace_id,
        span_id=place.span_id or made_span_id(task),
        parent_span_id=place.parent_span_id,
        flags=int(place.sampled),
        name=task.task,
        kind=Span.SPAN_KIND_CONSUMER,
        start_time_unix_nano=nanoseconds(task.scheduled_at),
        end_time_unix_nano=nanoseconds(ended_at(settled)),
        attributes=key_values(_attributes(settled, place)),
        events=_events(settled),
        links=_links(task),
        status=Status(
            code=Status.STATUS_CODE_ERROR,
            message=f"{verdict.outcome}: {verdict.reason} ({verdict.basis})",
        ),
    )


def ended_at(settled: SettledTask) -> float:
    """When the task ended, by its own clock, as near as the evidence tells; never before it began.

    A deadline is what the platform set. A fallen lock, a lapsed lease and silence were seen by the
    sidecar, whose clock differs from the task's by the stream's offset.
    """
    task, verdict = settled.opening, settled.verdict
    heard = max(task.scheduled_at, task.started_at, task.notes.pending_at)
    if verdict.reason == "platform_deadline" and task.deadline is not None:
        return max(task.deadline, heard)
    cited = next((each for each in verdict.evidence if each.kind not in _OF_THE_TASK), None)
    if cited is None:
        return heard
    offset = verdict.clock.offset_seconds if verdict.clock else 0.0
    return max(cited.at - (offset if cited.kind in _BY_THE_SIDECARS_CLOCK else 0.0), heard)


def _attributes(settled: SettledTask, place: Place) -> dict[str, Value | None]:
    task = settled.opening
    return {
        names.REPORTED_BY: "sidecar",
        names.TRACE_SAMPLED: place.sampled,
        **decision(settled.verdict),
        names.ERROR_TYPE: settled.verdict.reason,
        names.AWAITING: settled.awaiting or task.notes.awaiting,
        names.TASK_ID: settled.id,
        names.STREAM: task.source.stream.hex(),
        names.SEQUENCE: task.sequence,
        names.PLATFORM: task.series.platform,
        names.ORIGIN: task.series.origin,
        names.DEADLINE: task.deadline,
        names.CODE_FUNCTION: task.function,
        names.HTTP_ROUTE: task.route,
        names.INVOCATION_ID: task.invocation,
    }


def _events(settled: SettledTask) -> list[Span.Event]:
    """What was heard of it on its way, as events of the span."""
    return [
        Span.Event(name=cited.kind, time_unix_nano=nanoseconds(cited.at))
        for cited in settled.verdict.evidence
        if cited.kind in (names.EVENT_STARTED, names.EVENT_PENDING)
    ]


def _links(task: OpenTask) -> list[Span.Link]:
    links = []
    for text in task.notes.links.split():
        trace_id, _, span_id = text.partition("-")
        try:
            if len(text) == _LINK_CHARACTERS:
                links.append(
                    Span.Link(trace_id=bytes.fromhex(trace_id), span_id=bytes.fromhex(span_id))
                )
        except ValueError:  # a client may write anything there
            continue
    return links

"""Facts become entries of the book: pure constructors, no decisions."""

from msgspec.structs import replace

from afterword import names
from afterword_sidecar.ledger import verdicts
from afterword_sidecar.ledger.facts import (
    InvocationEnded,
    Pending,
    Scheduled,
    Settled,
    Source,
    SpanEnded,
    Started,
)
from afterword_sidecar.ledger.records import (
    NO_NOTES,
    Cited,
    Early,
    Notes,
    OpenTask,
    Series,
    SettledTask,
    Verdict,
)


def open_task(
    fact: Scheduled, source: Source, series: Series, received_at: float, early: Early | None
) -> OpenTask:
    """The entry of a task that was handed over."""
    task = OpenTask(
        source=source,
        sequence=fact.sequence,
        series=series,
        task=series.task if series.task == fact.task else fact.task,  # one string for all
        scheduled_at=fact.at,
        deadline=fact.deadline,
        guard_lead_seconds=fact.guard_lead_seconds,
        trace=_trace(fact.trace_id, fact.span_id, fact.parent_span_id, sampled=fact.sampled),
        invocation=fact.invocation,
        function=fact.function,
        route=fact.route,
        has_payload=fact.payload is not None,
        received_at=received_at,
        heard_at=received_at,
        notes=Notes(fact.links, fact.dead_letter, fact.payload_omitted)
        if fact.links or fact.dead_letter or fact.payload_omitted
        else NO_NOTES,
    )
    return task if early is None else _with_early(task, early)


def started(task: OpenTask, fact: Started, heard_at: float) -> OpenTask:
    """The task began."""
    return replace(task, started_sequence=fact.sequence, started_at=fact.at, heard_at=heard_at)


def pending(task: OpenTask, fact: Pending, heard_at: float) -> OpenTask:
    """The task was about to be cut off. The earliest note decides; the last says where it was."""
    notes = replace(task.notes, awaiting=fact.awaiting or task.notes.awaiting)
    if not (notes.pending_sequence and notes.pending_at <= fact.at):
        notes = replace(
            notes,
            pending_sequence=fact.sequence,
            pending_at=fact.at,
            pending_reason=fact.reason,
        )
    return replace(task, notes=notes, heard_at=heard_at)


def invocation_over(task: OpenTask, fact: InvocationEnded) -> OpenTask:
    """The invocation it was scheduled in has ended."""
    notes = replace(task.notes, invocation_over_sequence=fact.sequence, invocation_over_at=fact.at)
    return replace(task, notes=notes)


def early(known: Early | None, fact: Started | Pending) -> Early:
    """What is to be remembered of a task whose opening has not come: as ``pending`` has it."""
    known = known or Early(fact.opening_sequence)
    if isinstance(fact, Started):
        return replace(
            known,
            started_sequence=fact.sequence,
            started_at=fact.at,
            start_delay_seconds=fact.start_delay_seconds,
        )
    known = replace(known, awaiting=fact.awaiting or known.awaiting)
    if known.pending_sequence and known.pending_at <= fact.at:
        return known
    return replace(
        known,
        pending_sequence=fact.sequence,
        pending_at=fact.at,
        pending_reason=fact.reason,
    )


def opening_of(
    fact: Settled | SpanEnded, source: Source, series: Series, received_at: float
) -> OpenTask:
    """The opening that a closing tells of by itself."""
    if isinstance(fact, SpanEnded):
        return OpenTask(
            source=source,
            sequence=fact.opening_sequence,
            series=series,
            task=fact.task,
            scheduled_at=fact.started_at,
            trace=_trace(fact.trace_id, fact.span_id, fact.parent_span_id, sampled=True),
            received_at=received_at,
            heard_at=received_at,
        )
    return OpenTask(
        source=source,
        sequence=fact.opening_sequence,
        series=series,
        task=fact.task,
        scheduled_at=fact.at if fact.scheduled_at is None else fact.scheduled_at,
        deadline=fact.deadline,
        trace=_trace(fact.trace_id, fact.span_id, fact.parent_span_id, sampled=fact.sampled),
        invocation=fact.invocation,
        function=fact.function,
        route=fact.route,
        notes=Notes(replay_of=fact.dead_letter, payload_omitted=fact.payload_omitted)
        if fact.dead_letter or fact.payload_omitted
        else NO_NOTES,
        has_payload=fact.payload is not None,
        started_sequence=fact.started_sequence,
        started_at=fact.scheduled_at + fact.start_delay_seconds
        if fact.started_sequence
        and fact.scheduled_at is not None
        and fact.start_delay_seconds is not None
        else 0.0,
        received_at=received_at,
        heard_at=received_at,
    )


def closed(task: OpenTask, fact: Settled | SpanEnded, now: float) -> SettledTask:
    """The task as its own closing, or a foreign span, tells of it."""
    if isinstance(fact, SpanEnded):
        cited = Cited(verdicts.SPAN, fact.sequence, fact.at)
        duration: float | None = max(0.0, fact.at - fact.started_at)
        exception_type = exception_stacktrace = awaiting = ""
    else:
        kind = names.EVENT_ROLLUP if fact.rolled_up else names.EVENT_SETTLED
        cited = Cited(kind, fact.sequence, fact.at)
        duration = fact.duration_seconds
        exception_type = fact.exception_type
        exception_stacktrace = fact.exception_stacktrace
        awaiting = fact.awaiting
    verdict = Verdict(
        outcome=fact.outcome,
        reason=fact.reason,
        basis=names.OBSERVED,
        rule=rule_of(fact.outcome, fact.reason),
        at=now,
        evidence=(*verdicts.told_of(task), cited),
    )
    return SettledTask(
        opening=task,
        verdict=verdict,
        settled_at=fact.at,
        duration_seconds=duration,
        error_type=fact.error_type,
        exception_type=exception_type,
        exception_message=fact.exception_message,
        exception_stacktrace=exception_stacktrace,
        awaiting=awaiting or task.notes.awaiting,
    )


def attached(letter: SettledTask, opening: OpenTask) -> SettledTask:
    """A task closed ahead of its opening, with all that the opening knows."""
    return replace(
        letter,
        opening=replace(
            opening,
            started_sequence=letter.opening.started_sequence or opening.started_sequence,
            started_at=letter.opening.started_at or opening.started_at,
        ),
    )


def rule_of(outcome: str, reason: str) -> int:
    """The row of the outcome table that a closing of the task's own falls under."""
    return verdicts.OBSERVED_RULES.get((outcome, reason)) or verdicts.RULE_OF_OUTCOME[outcome]


def _with_early(task: OpenTask, known: Early) -> OpenTask:
    return replace(
        task,
        started_sequence=known.started_sequence,
        started_at=known.started_at,
        notes=replace(
            task.notes,
            pending_sequence=known.pending_sequence,
            pending_at=known.pending_at,
            pending_reason=known.pending_reason,
            awaiting=known.awaiting,
        )
        if known.pending_sequence
        else task.notes,
    )


def _trace(trace_id: bytes, span_id: bytes, parent_span_id: bytes, *, sampled: bool) -> bytes:
    if not trace_id:
        return b""
    ids = trace_id + (span_id or bytes(8)) + (parent_span_id or bytes(8))
    return ids + (b"\x01" if sampled else b"\x00")

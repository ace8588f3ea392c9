"""The shapes of the API's answers. The OpenAPI document is made from them, the JSON too.

Every field is always there; what is not known is null. Moments are RFC 3339 in UTC with
microseconds, durations are seconds. Fields may be added; none changes its meaning.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Moment = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, microseconds; cut to the years 1 to 9999.",
        extra_json_schema={"format": "date-time"},
    ),
]
Outcome = Literal["completed", "failed", "timed_out", "cancelled", "dropped", "unknown"]
OutcomeOrOpen = Literal[
    "in_flight", "completed", "failed", "timed_out", "cancelled", "dropped", "unknown"
]
TaskId = Annotated[
    str,
    Meta(pattern=r"^([0-9a-f]{32}|[0-9a-f]{48})-[0-9]{1,16}$", description="stream-sequence"),
]
TraceId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
SpanId = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class Rule(msgspec.Struct, frozen=True):
    """The row of the outcome table that decided."""

    number: Annotated[int, Meta(ge=1, le=14)]
    words: str


class Evidence(msgspec.Struct, frozen=True):
    """A piece of evidence a verdict rests on."""

    kind: Annotated[str, Meta(description="An event's name, or what the sidecar saw itself.")]
    sequence: Annotated[int, Meta(description="Its number in the stream; 0: the sidecar's own.")]
    at: Moment
    words: str


class Clock(msgspec.Struct, frozen=True):
    """What was allowed for when time decided."""

    offset_seconds: Annotated[float, Meta(description="The sidecar's clock less the stream's.")]
    grace_seconds: float
    due: Moment
    alive_at: Annotated[Moment | None, Meta(description="When its process was last known to live.")]
    lock_fell_at: Moment | None
    lease_until: Annotated[
        Moment | None, Meta(description="Up to here the last sign of life was to be trusted.")
    ]
    hold_until: Annotated[
        Moment | None,
        Meta(description="Before this, after a start or a stall, silence is nothing."),
    ]


class Missing(msgspec.Struct, frozen=True):
    """Evidence that is known to be missing, where a verdict rests on that."""

    first: Annotated[int, Meta(description="All holes after the opening lie from here …")]
    last: Annotated[int, Meta(description="… to here.")]
    numbers: Annotated[int, Meta(description="How many sequence numbers are missing there.")]
    settled_reported: Annotated[int, Meta(description="Tasks that settled, says the stream.")]
    settled_arrived: Annotated[int, Meta(description="Of how many of them the end has come.")]
    reported_sequence: Annotated[int, Meta(description="The record that said so.")]


class Verdict(msgspec.Struct, frozen=True):
    """An outcome, why, and how sure it is."""

    outcome: Outcome
    reason: str
    basis: Literal["observed", "proven", "inferred"]
    rule: Rule
    at: Moment
    final: Annotated[bool, Meta(description="False while it may turn out that the task lives.")]
    final_at: Annotated[
        Moment | None, Meta(description="When time made it final; null if it was so at once.")
    ]
    evidence: list[Evidence]
    clock: Clock | None
    missing: Missing | None


class Pending(msgspec.Struct, frozen=True):
    """It was about to be cut off."""

    at: Moment
    reason: str


class Trace(msgspec.Struct, frozen=True):
    """Where the task stands in its trace."""

    trace_id: TraceId
    span_id: SpanId
    parent_span_id: SpanId | None
    sampled: bool


class Link(msgspec.Struct, frozen=True):
    """Another span the task belongs with."""

    trace_id: TraceId
    span_id: SpanId


class Error(msgspec.Struct, frozen=True):
    """What it failed with."""

    type: str | None
    exception_type: str | None
    message: str | None
    stacktrace: str | None


class CountedAs(msgspec.Struct, frozen=True):
    """The labels of its series in /metrics."""

    service_name: str
    task: str
    platform: str
    origin: str


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A deferred task as the book has it."""

    id: TaskId
    service: str
    task: str
    outcome: OutcomeOrOpen
    reason: str | None
    platform: str
    origin: str
    instance: Annotated[str | None, Meta(description="service.instance.id")]
    stream: Annotated[str, Meta(description="The reporting process, hex.")]
    sequence: int
    counted_as: CountedAs
    scheduled_at: Moment
    received_at: Moment
    deadline: Moment | None
    started_at: Moment | None
    pending: Pending | None
    settled_at: Annotated[Moment | None, Meta(description="By the task's own clock.")]
    duration_seconds: float | None
    awaiting: Annotated[str | None, Meta(description="The innermost frame it was suspended in.")]
    error: Error | None
    verdict: Verdict | None
    history: Annotated[list[Verdict], Meta(description="Earlier verdicts, oldest first.")]
    trace: Trace | None
    links: list[Link]
    function: str | None
    route: str | None
    invocation: str | None
    replay_of: TaskId | str | None
    payload_captured: bool
    payload_omitted: Annotated[str | None, Meta(description="Why there is no payload.")]


class DeadLetter(Task, frozen=True, kw_only=True):
    """A task that did not complete."""

    state: Annotated[Literal["open", "closed"], Meta(description="closed: it completed after all.")]
    closed_at: Moment | None


class DeadLetterWithPayload(DeadLetter, frozen=True, kw_only=True):
    """A dead letter and what it was called with."""

    payload: Annotated[msgspec.Raw, Meta(description="As it was captured: its numbers are exact.")]
    payload_text: Annotated[
        str | None, Meta(description="The payload where it is not JSON; payload is null then.")
    ]


class TaskPage(msgspec.Struct, frozen=True):
    """A page of tasks: in flight first, oldest first; then settled, latest first."""

    items: list[Task]
    next_cursor: Annotated[
        str | None,
        Meta(description="For the next page; a page may be short, even empty, and not the last."),
    ]


class DeadLetterPage(msgspec.Struct, frozen=True):
    """A page of dead letters, newest first."""

    items: list[DeadLetter]
    next_cursor: str | None


class DeadLetterPageWithPayloads(msgspec.Struct, frozen=True):
    """A page of dead letters with their payloads, newest first."""

    items: list[DeadLetterWithPayload]
    next_cursor: str | None


class Balance(msgspec.Struct, frozen=True):
    """The net book: scheduled is the sum of all the others, for each series."""

    scheduled: int
    completed: int
    failed: int
    timed_out: int
    cancelled: int
    dropped: int
    unknown: int
    in_flight: int
    balanced: Annotated[bool, Meta(description="For each series by itself.")]
    cancelled_by_application: Annotated[
        int, Meta(description="Of those cancelled: by the application itself, so not lost.")
    ]


class Slot(msgspec.Struct, frozen=True):
    """A stretch of time: what was handed over in it, and the verdicts pronounced in it."""

    at: Annotated[Moment, Meta(description="Its beginning.")]
    scheduled: int
    completed: int
    failed: int
    timed_out: int
    cancelled: int
    dropped: int
    unknown: int


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The whole book at a glance."""

    at: Moment
    book_id: str
    began_at: Annotated[Moment | None, Meta(description="When its first series was born.")]
    balance: Balance
    amended: Annotated[int, Meta(description="Verdicts taken back for better evidence.")]
    dead_letters_open: int
    evidence_holes: Annotated[int, Meta(description="Records missing right now.")]
    evidence_lost: Annotated[int, Meta(description="Missing records given up.")]
    streams_live: int
    streams_ended: int
    slot_seconds: int
    slots: Annotated[list[Slot], Meta(description="Oldest first; the last is not over yet.")]
    whole_since: Annotated[
        Moment,
        Meta(description="Slots before this know only of losses: the sidecar started then."),
    ]


class Distribution(msgspec.Struct, frozen=True):
    """Estimated from a histogram's buckets, as Prometheus does."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    highest_bound: Annotated[float, Meta(description="A quantile of so much is so much or more.")]


class TaskSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A task by its labels: all that was counted of it since the book began."""

    service: str
    task: str
    balance: Balance
    oldest_in_flight_at: Moment | None
    dead_letters_open: int
    duration_seconds: Distribution | None
    start_delay_seconds: Distribution | None
    budget_used_ratio: Annotated[
        Distribution | None, Meta(description="Of the time until the platform's deadline.")
    ]
    minutes: Annotated[
        list[tuple[int, int, int]],
        Meta(
            description="The last hour by minutes, oldest first: scheduled, completed, lost "
            "(settled, not completed, not cancelled by the application itself). Empty: nothing "
            "since the sidecar started."
        ),
    ]


class TaskSummaryPage(msgspec.Struct, frozen=True):
    """Summaries of tasks in the order asked for."""

    at: Moment
    items: list[TaskSummary]
    total: Annotated[int, Meta(description="How many there are under this filter.")]
    next_cursor: str | None


class LossWindows(msgspec.Struct, frozen=True):
    """Dead letters pronounced lately; the windows begin at full minutes."""

    last_1h: int
    last_3h: int
    last_24h: int
    last_3d: int
    last_7d: int


class LossKind(msgspec.Struct, frozen=True):
    """Dead letters that share their error, task, outcome and reason."""

    error: Annotated[str | None, Meta(description="Null where nothing was raised.")]
    service: str
    task: str
    outcome: Outcome
    reason: str
    counts: LossWindows


class LossHour(msgspec.Struct, frozen=True):
    """An hour's dead letters, by outcome."""

    at: Annotated[Moment, Meta(description="Its beginning.")]
    by_outcome: dict[str, int]


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """The dead letters of the last seven days, counted."""

    at: Moment
    kinds: Annotated[list[LossKind], Meta(description="The most frequent lately first.")]
    kinds_in_all: Annotated[int, Meta(description="More than are listed, where there are many.")]
    in_all: LossWindows
    by_outcome: dict[str, int]
    hours: Annotated[list[LossHour], Meta(description="168, oldest first; the last not over.")]
    complete: Annotated[bool, Meta(description="False: only the newest were counted.")]
    kept_since: Annotated[
        Moment | None, Meta(description="The oldest dead letter that was counted.")
    ]
    cancelled_by_application: Annotated[
        LossWindows,
        Meta(description="Of all those: cancelled by the application itself, so not lost."),
    ]


class UnreadyReason(msgspec.Struct, frozen=True):
    """One thing that keeps the sidecar from taking evidence."""

    code: Annotated[str, Meta(description="For machines: store_failing, queue_full …")]
    detail: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether evidence is taken."""

    status: Literal["ready", "not_ready"]
    reasons: list[UnreadyReason]


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong (RFC 9457)."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    parameter: str | msgspec.UnsetType = msgspec.UNSET

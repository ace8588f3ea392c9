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


class Verdict(msgspec.Struct, frozen=True):
    """An outcome, why, and how sure it is."""

    outcome: Outcome
    reason: str
    basis: Literal["observed", "proven", "inferred"]
    rule: Rule
    at: Moment
    final: Annotated[bool, Meta(description="False while it may turn out that the task lives.")]
    evidence: list[Evidence]
    clock: Clock | None


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

"""Evidence: what was observed, as frozen facts. Pure; ``otlp_json`` writes them for the wire.

Named tuples, because one is made in 0.2 µs and cannot be changed afterwards. The facts of one task
share its ``Opening``, so that a later record stands on its own without a copy, and so that a
delivery whose buffer still holds the opening can fold the two into one.
"""

from typing import Final, NamedTuple

from afterword import names

STREAM_BYTES: Final = 16


class TaskKind(NamedTuple):
    """What every task of one kind shares: the labels it is counted under, and its function."""

    name: str
    platform: str
    origin: str = names.ORIGIN_APP
    """``app`` or ``replay``."""
    function: str = ""
    """``code.function.name``: module and qualified name; empty where there is no function."""


class Opening(NamedTuple):
    """A task was handed over (``deferred_task.scheduled``)."""

    sequence: int
    at_ns: int
    """Unix nanoseconds, as every ``at_ns`` here."""
    kind: TaskKind
    deadline: float | None = None
    """Unix seconds at which the platform will cut it off."""
    guard_lead_seconds: float = 0.0
    route: str = ""
    invocation: str = ""
    trace_id: int = 0
    """OpenTelemetry's own integers; 0 where there is none."""
    span_id: int = 0
    parent_span_id: int = 0
    sampled: bool = False
    links: str = ""
    """``traceid-spanid traceid-spanid``, hex."""
    dead_letter: str = ""
    """For a replay: the id of the dead letter it is an attempt at."""
    payload: str | None = None
    """A JSON document."""
    payload_omitted: str = ""
    """Why there is no payload, one sentence; empty where none was asked for."""


class Started(NamedTuple):
    """The first step of the awaitable (``deferred_task.started``)."""

    sequence: int
    at_ns: int
    opening: Opening
    start_delay_seconds: float


class Failure(NamedTuple):
    """What is known of a task that did not complete; already redacted and bounded."""

    error_type: str = ""
    """Canonical class name, low cardinality."""
    exception_type: str = ""
    exception_message: str = ""
    exception_stacktrace: str = ""
    awaiting: str = ""
    """The innermost frame it was suspended in, for a time-out or a cancellation."""


class Settled(NamedTuple):
    """A task ended (``deferred_task.settled``)."""

    sequence: int
    at_ns: int
    opening: Opening
    outcome: str
    """One of ``names.OUTCOMES``."""
    reason: str
    """One of ``names.REASONS[outcome]``."""
    duration_seconds: float | None = None
    """From the start (from the handing over, where it never started) by the monotonic clock."""
    start_delay_seconds: float | None = None
    failure: Failure | None = None


class Pending(NamedTuple):
    """A task has not ended and is about to be cut off (``deferred_task.pending``)."""

    sequence: int
    at_ns: int
    opening: Opening
    reason: str
    """``deadline_near`` or ``shutdown``."""
    awaiting: str = ""


class Invocation(NamedTuple):
    """An invocation's drain is over (``deferred_task.invocation``)."""

    sequence: int
    at_ns: int
    invocation: str
    scheduled: int
    started: int


class Instance(NamedTuple):
    """The process is up, beats, or goes down (``deferred_task.instance``)."""

    sequence: int
    at_ns: int
    state: str
    scheduled_total: int
    settled_total: int
    lease_seconds: float | None = None


class Rollup(NamedTuple):
    """Detail was shed, counts were not (``deferred_task.rollup``): tasks that ended alike."""

    sequence: int
    at_ns: int
    kind: TaskKind
    outcome: str
    reason: str
    tasks: int
    """How many (``deferred_task.count``)."""
    ranges: tuple[tuple[int, int], ...]
    """Inclusive sequence ranges it stands for: openings, starts and closings."""


Record = Opening | Started | Settled | Pending | Invocation | Instance | Rollup


def without_payload(opening: Opening, why: str) -> Opening:
    """The same opening, its payload left out and the reason told; unchanged if it has none."""
    if opening.payload is None:
        return opening
    return opening._replace(payload=None, payload_omitted=why)

"""Evidence: what was observed, as frozen facts. Nothing downstream re-checks them.

Whoever makes a fact (``otlp``) has checked it: numbers are finite, times are Unix seconds, strings
are valid Unicode and bounded, sequences lie in ``1 .. MAX_SEQUENCE``. ``gc=False`` is safe because
no fact can be part of a cycle, and it is what makes them cheap (0.08 µs against a dataclass's 1.5).
"""

from typing import Final

import msgspec

MAX_SEQUENCE: Final = 2**53 - 1
"""The largest sequence taken: what JSON numbers carry exactly, and SQLite's integers easily."""

UNKNOWN_SERVICE: Final = "unknown_service"
"""Of who reports and does not say for whom."""
STREAM_BYTES: Final = 16
FOREIGN_STREAM_BYTES: Final = 24
"""A task told by a foreign SDK is a stream of its own: its trace id and span id, 16 + 8 bytes.

Its facts are numbered by their kind (below), so that a copy is a sequence seen before, like any
other, and no second way of remembering what was counted is needed.
"""
FOREIGN_SCHEDULED: Final = 1
FOREIGN_STARTED: Final = 2
FOREIGN_PENDING: Final = 3
FOREIGN_SPAN: Final = 4
FOREIGN_SETTLED: Final = 5


class Source(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who reports: what the records of one resource and scope share."""

    stream: bytes
    """16 bytes; or 24 (trace id + span id) for a foreign task."""
    service: str
    """``namespace/name``; ``name`` alone without a namespace; ``UNKNOWN_SERVICE`` without both."""
    instance: str = ""
    resource: str = ""
    """What else is known of who reports, as a JSON object of scalars; empty if nothing is.

    Carried by tasks, for what is told of them. What is kept of a stream as such is without it.
    """

    @property
    def bare(self) -> "Source":
        """The same without the resource."""
        return Source(self.stream, self.service, self.instance) if self.resource else self


class Scheduled(msgspec.Struct, frozen=True, gc=False):
    """A task was handed over: the opening of its entry in the book."""

    sequence: int
    at: float
    task: str
    platform: str = "unknown"
    origin: str = "app"
    deadline: float | None = None
    guard_lead_seconds: float = 0.0
    function: str = ""
    route: str = ""
    invocation: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""
    parent_span_id: bytes = b""
    sampled: bool = False
    links: str = ""
    dead_letter: str = ""
    payload: str | None = None
    payload_omitted: str = ""


class Started(msgspec.Struct, frozen=True, gc=False):
    """The first step of the awaitable."""

    sequence: int
    opening_sequence: int
    at: float
    start_delay_seconds: float | None = None


class Settled(msgspec.Struct, frozen=True, gc=False):
    """The task ended, and says how. Stands on its own: the opening may be late or lost."""

    sequence: int
    opening_sequence: int
    at: float
    task: str
    outcome: str
    """One of ``names.OUTCOMES``."""
    reason: str
    """One of ``names.REASONS[outcome]``, or ``other``."""
    platform: str = "unknown"
    origin: str = "app"
    scheduled_at: float | None = None
    duration_seconds: float | None = None
    start_delay_seconds: float | None = None
    error_type: str = ""
    exception_type: str = ""
    exception_message: str = ""
    exception_stacktrace: str = ""
    awaiting: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""
    folded: bool = False
    """The opening (and the start, if ``started_sequence``) is in this record and will not come."""
    started_sequence: int = 0
    deadline: float | None = None
    function: str = ""
    route: str = ""
    invocation: str = ""
    parent_span_id: bytes = b""
    sampled: bool = False
    dead_letter: str = ""
    payload: str | None = None
    payload_omitted: str = ""
    rolled_up: bool = False
    """Told by a rollup, among others that ended alike."""


class Pending(msgspec.Struct, frozen=True, gc=False):
    """Not ended yet, and about to be cut off."""

    sequence: int
    opening_sequence: int
    at: float
    reason: str
    """``deadline_near`` or ``shutdown``."""
    awaiting: str = ""


class InvocationEnded(msgspec.Struct, frozen=True, gc=False):
    """An invocation's drain is over: what had not begun by now never will."""

    sequence: int
    at: float
    invocation: str
    scheduled: int
    started: int


class Instance(msgspec.Struct, frozen=True, gc=False):
    """A process says that it is up, beats, or goes down; with its totals, for the audit."""

    sequence: int
    at: float
    state: str
    """``up``, ``beat`` or ``down``."""
    scheduled_total: int = 0
    settled_total: int = 0
    lease_seconds: float | None = None


class Rollup(msgspec.Struct, frozen=True, gc=False):
    """Detail was shed, counts were not: so many tasks that opened and closed the same way."""

    sequence: int
    at: float
    task: str
    outcome: str
    reason: str
    count: int
    ranges: tuple[tuple[int, int], ...]
    """Inclusive sequence ranges that this record stands for (openings and closings)."""
    platform: str = "unknown"
    origin: str = "app"


class SpanEnded(msgspec.Struct, frozen=True, gc=False):
    """A foreign span that carries a task's name has ended: a closing of lower rank.

    ``sequence`` is always ``FOREIGN_SPAN`` and ``opening_sequence`` ``FOREIGN_SCHEDULED``.
    """

    at: float
    task: str
    outcome: str
    reason: str
    started_at: float
    platform: str = "unknown"
    origin: str = "app"
    error_type: str = ""
    exception_message: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""
    parent_span_id: bytes = b""
    sequence: int = FOREIGN_SPAN
    opening_sequence: int = FOREIGN_SCHEDULED


Fact = Scheduled | Started | Settled | Pending | InvocationEnded | Instance | Rollup | SpanEnded


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Facts of one source, in the order they were told, with when they reached the sidecar."""

    source: Source
    facts: tuple[Fact, ...] | list[Fact]
    received_at: float
    """The sidecar's clock."""
    same_clock: bool = False
    """From a spool: written under this kernel's clock, so there is no offset to allow for."""

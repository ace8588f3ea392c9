"""What one task has told so far: one mutable record, from its opening to its closing.

The facts of ``evidence`` are made from it where somebody wants facts. Deliveries on the hot path
read it as it is: three named tuples a task, and what holds them together in a buffer, cost more
than their encoding.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from afterword.evidence import Opening, Settled, Started, TaskKind

if TYPE_CHECKING:
    from afterword.endings import Ending
    from afterword.evidence import Failure


class Place(NamedTuple):
    """Where in a trace a task stands; OpenTelemetry's own integers, 0 where there is none."""

    trace_id: int = 0
    span_id: int = 0
    parent_span_id: int = 0
    sampled: bool = False
    links: str = ""
    """``traceid-spanid traceid-spanid``, hex."""


NOWHERE: Final = Place()


class Detail(NamedTuple):
    """What an opening tells of few tasks; see ``evidence.Opening``."""

    deadline: float | None = None
    guard_lead_seconds: float = 0.0
    route: str = ""
    invocation: str = ""
    dead_letter: str = ""
    payload: str | None = None
    payload_omitted: str = ""


NO_DETAIL: Final = Detail()


class KnownKind:
    """A kind of task as a stream knows it, with what an encoder has made ready for it."""

    __slots__ = ("kind", "texts")

    def __init__(self, kind: TaskKind) -> None:
        self.kind: Final = kind
        self.texts: tuple[str, str, str] | None = None
        """Of ``task_json``: made with the first record that is encoded."""


class TaskRecord:
    """One task's evidence as it grows. Sequences of what has not happened are 0."""

    __slots__ = (
        "_opening",
        "at_ns",
        "detail",
        "duration_ns",
        "ending",
        "failure",
        "known",
        "place",
        "sequence",
        "settled_at_ns",
        "settled_sequence",
        "start_delay_ns",
        "started_sequence",
    )

    def __init__(
        self, sequence: int, at_ns: int, known: KnownKind, place: Place, detail: Detail
    ) -> None:
        self.sequence = sequence
        """Of the opening: the task's key in its stream."""
        self.at_ns = at_ns
        """When it was handed over, Unix nanoseconds."""
        self.known = known
        self.place = place
        self.detail = detail
        self.started_sequence = 0
        self.start_delay_ns = 0
        self.settled_sequence = 0
        self.settled_at_ns = 0
        self.duration_ns = 0
        """From the start (from the handing over, where it never started)."""
        self.ending: Ending | None = None
        self.failure: Failure | None = None
        self._opening: Opening | None = None

    @property
    def opening(self) -> Opening:
        """The opening as a fact; the same object every time."""
        opening = self._opening
        if opening is None:
            place, detail = self.place, self.detail
            opening = self._opening = Opening(
                self.sequence,
                self.at_ns,
                self.known.kind,
                detail.deadline,
                detail.guard_lead_seconds,
                detail.route,
                detail.invocation,
                place.trace_id,
                place.span_id,
                place.parent_span_id,
                place.sampled,
                place.links,
                detail.dead_letter,
                detail.payload,
                detail.payload_omitted,
            )
        return opening

    def as_started(self) -> Started:
        """The start as a fact, once it has started."""
        delay_ns = self.start_delay_ns
        at_ns = self.at_ns + delay_ns
        return Started(self.started_sequence, at_ns, self.opening, delay_ns / 1e9)

    def as_settled(self) -> Settled:
        """The closing as a fact. Raises ``ValueError`` before there is one."""
        if self.ending is None:
            raise ValueError(f"task {self.sequence} has not ended")
        return Settled(
            self.settled_sequence,
            self.settled_at_ns,
            self.opening,
            self.ending.outcome,
            self.ending.reason,
            self.duration_ns / 1e9,
            self.start_delay_ns / 1e9 if self.started_sequence else None,
            self.failure,
        )

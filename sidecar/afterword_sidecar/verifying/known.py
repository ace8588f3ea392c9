"""What a journal has told so far of streams and their tasks, and of the sidecar's patience."""

from typing import Final

import msgspec

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.verifying.clock import Clock
from afterword_sidecar.verifying.numbers import Numbers

Cite = tuple[str, int, float]
"""A piece of evidence: (kind, sequence, its time)."""
_FOREIGN_STREAM_DIGITS: Final = 48
_SETTLING_SECONDS: Final = 5.0


class Conclusion(msgspec.Struct, frozen=True):
    """What the semantics say of a task at a moment."""

    outcome: str
    reason: str
    basis: str
    rule: int
    at: float
    final: bool
    cite: Cite
    """The piece of evidence that decides."""
    clock: shapes.Clock | None = None
    final_at: float = 0.0
    missing: tuple[int, int, int, int, int] | None = None

    @property
    def words(self) -> str:
        """``outcome/reason/basis``."""
        return f"{self.outcome}/{self.reason}/{self.basis}"

    @property
    def pair(self) -> str:
        """``outcome/reason``."""
        return f"{self.outcome}/{self.reason}"


class Task:
    """A task that is open, or closed by something less than its own word."""

    __slots__ = (
        "cites",
        "deadline",
        "doubt",
        "heard_at",
        "invocation",
        "lead_seconds",
        "name",
        "opening",
        "over",
        "pending",
        "said",
        "spanned",
        "started",
        "took_seconds",
    )

    def __init__(self, opening: int) -> None:
        self.opening = opening
        self.name = ""
        self.deadline: float | None = None
        self.lead_seconds = 0.0
        self.invocation = ""
        self.heard_at = 0.0
        self.took_seconds = 0.0
        """From its opening, by its clock, to its arrival, by the sidecar's."""
        self.started: Cite | None = None
        self.pending: tuple[Cite, str] | None = None
        """The earliest, with its reason."""
        self.over: Cite | None = None
        """That its invocation ended."""
        self.said: Conclusion | None = None
        """What the book says of it; ``None`` while it is open."""
        self.spanned = False
        self.cites: list[Cite] = []
        """All that was told of it, but for its pending notes."""
        self.doubt = ""
        """What is missing that may have been told of it, in words."""

    def note_pending(self, fact: shapes.Pending) -> None:
        """The earliest note decides."""
        cite = (names.EVENT_PENDING, fact.sequence, fact.at)
        self.cites.append(cite)
        if self.pending is None or fact.at < self.pending[0][2]:
            self.pending = (cite, fact.reason)

    def note_start(self, fact: shapes.Started) -> None:
        """It began."""
        self.started = (names.EVENT_STARTED, fact.sequence, fact.at)
        self.cites.append(self.started)


class Stream:
    """A reporting process, or one foreign task."""

    def __init__(self, doubt: str) -> None:
        self.doubt = doubt
        """Why the journal does not have all that it ever told; empty if it has."""
        self.foreign = False
        self.heard = Numbers()
        self.tasks: dict[int, Task] = {}
        self.early: dict[int, Task | None] = {}
        """Told of before its opening came; ``None``: closed before it."""
        self.by_invocation: dict[str, set[int]] = {}
        self.overtook: list[tuple[str, Cite]] = []
        """Ends of invocations that came while numbers before them were missing."""
        self.clock = Clock()
        self.last_heard_at = 0.0
        self.same_clock = False
        self.settled_arrived = self.settled_reported = 0
        self.closings_due = self.reported_by = 0
        """How many of the closings before its totals have not come; the number of those totals."""
        self.lease_seconds = self.lease_until = 0.0
        self.latest_word = 0
        """The number of its latest word about itself."""
        self.vouched_at = 0.0
        """When it last showed, by a beat or its lock, that it lives."""
        self.down: Cite | None = None
        self.lock_fell_at = self.alive_at = self.spool_gone_at = 0.0
        self.closings_lost = 0

    def hear(self, told: shapes.Heard, facts: list[shapes.Fact], limits: dict[str, float]) -> None:
        """It spoke; the offset of its clock, and its lease, follow from that."""
        self.foreign = len(told.stream) == _FOREIGN_STREAM_DIGITS
        self.last_heard_at, self.same_clock = told.received_at, told.same_clock
        self.spool_gone_at = 0.0
        if self.lease_seconds:
            self.lease_until = told.received_at + self.lease_seconds
        if told.same_clock:
            self.clock.agrees()
        else:
            highest = None if self.foreign else self.heard.highest
            self.clock.show(told.received_at, facts, highest, limits)

    @property
    def whole(self) -> bool:
        """The journal has all that it ever told."""
        return not self.doubt

    def say(self, fact: shapes.Instance, now: float) -> None:
        """Its word about itself: totals only grow, all else is as the latest word has it."""
        if fact.settled_total > self.settled_reported:
            in_turn = fact.sequence == self.heard.highest
            due = fact.settled_total - self.settled_arrived
            self.closings_due = max(due, 0 if in_turn else self.closings_due)
            self.settled_reported, self.reported_by = fact.settled_total, fact.sequence
        if fact.sequence < self.latest_word:
            return
        self.latest_word = fact.sequence
        if fact.lease_seconds is not None:
            self.lease_seconds = fact.lease_seconds
        lease = self.lease_seconds
        self.lease_until = self.last_heard_at + lease if lease else 0.0
        if fact.state == names.INSTANCE_DOWN:
            self.down = (names.EVENT_INSTANCE, fact.sequence, now)
            return
        self.down = None
        if lease > 0:
            self.vouched_at = now

    def end(self, tasks: int, number: int) -> None:
        """So many tasks have ended, told with this number, or from this number on."""
        self.settled_arrived += tasks
        if number < self.reported_by:
            self.closings_due = max(0, self.closings_due - tasks)

    @property
    def closing_missing(self) -> bool:
        """More has settled than has arrived, as it has told, or its spool."""
        return self.closings_due > 0 or self.closings_lost > 0

    @property
    def death_will_show(self) -> bool:
        """By its lock, or by its lease."""
        return (self.same_clock and not self.spool_gone_at) or self.lease_seconds > 0

    def vouched_for(self, opening: int) -> float:
        """When it last showed that this task is under way; 0 if its closing may be lost."""
        if self.closing_missing and self.gap_after(opening):
            return 0.0
        return self.vouched_at

    @property
    def known_alive_at(self) -> float:
        """When its process last was, for certain."""
        return self.alive_at if self.lock_fell_at else max(self.last_heard_at, self.vouched_at)

    def gap_after(self, number: int) -> bool:
        """Whether a number above this one is missing."""
        return not self.foreign and self.heard.gap_after(number)

    def unbroken(self, first: int, last: int) -> bool:
        """Whether nothing is missing from ``first`` to ``last``."""
        return self.foreign or self.heard.unbroken(first, last)


class Patience(msgspec.Struct):
    """Until when silence proves nothing: after a start, and after the sidecar was away."""

    since: float = 0.0
    heard_until: float = 0.0
    silent_until: float = 0.0

    def begin(self, now: float, away_seconds: float, pause_seconds: float) -> None:
        """From now on, for a stream that has not spoken since, the longer of the two."""
        self.since = now
        self.heard_until = now + min(_SETTLING_SECONDS, pause_seconds)
        self.silent_until = max(self.silent_until, now + max(away_seconds, pause_seconds))

    def until(self, stream: Stream) -> float:
        """For this stream."""
        return self.heard_until if stream.last_heard_at > self.since else self.silent_until

"""A stream while the book is open: what it has told, and its tasks. Mutable, owned by the book."""

from typing import Final

from msgspec.structs import replace

from afterword_sidecar.ledger import clocks, instances
from afterword_sidecar.ledger.circumstances import Circumstances, due_at
from afterword_sidecar.ledger.facts import (
    FOREIGN_STREAM_BYTES,
    MAX_SEQUENCE,
    Batch,
    Instance,
    InvocationEnded,
    Source,
)
from afterword_sidecar.ledger.letters import is_letter
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Early, Missing, OpenTask, SettledTask, StreamState
from afterword_sidecar.ledger.sequences import SequenceSet
from afterword_sidecar.ledger.transitions import State
from afterword_sidecar.ledger.verdicts import SPAN

_INVOCATIONS_KEPT: Final = 64
"""Ends of invocations remembered for openings that they overtook on the way."""
FOREVER_SECONDS: Final = 10 * 365 * 86400.0
"""Longer than any process lives."""


class Stream:
    """One reporting process (or one foreign task)."""

    __slots__ = (
        "ahead",
        "amendable",
        "armed_at",
        "armed_second",
        "by_invocation",
        "closings_missing",
        "final_at",
        "fresh",
        "held_back",
        "missing_now",
        "open",
        "scheduled_arrived",
        "seen",
        "settled_arrived",
        "source",
        "state",
    )

    def __init__(self, state: StreamState) -> None:
        self.source: Source = state.source
        """With the resource that it told last, while there are tasks to carry it."""
        self.state = state
        """All but what changes with every record, which stands below."""
        self.seen = SequenceSet(state.highest, state.holes)
        self.fresh: dict[int, OpenTask] = {}
        """Opened since the last drain: no store has them yet."""
        self.open: dict[int, OpenTask] = {}
        """Open, and drained before."""
        self.amendable: dict[int, SettledTask] = {t.opening.sequence: t for t in state.spanned}
        """Closed, but not by their own word."""
        self.ahead: dict[int, Early] = {early.opening_sequence: early for early in state.ahead}
        self.by_invocation: dict[str, set[int]] = {}
        """Open tasks by the invocation they were scheduled in, where there is one."""
        self.held_back: set[int] = set()
        """Those whose invocation ended and that did not begin, unless their start is missing."""
        self.missing_now = self.missing()
        """As of the last time the book counted it."""
        self.armed_at = 0.0
        """When the book will look at the stream as a whole; 0 if it will not."""
        self.armed_second = 0
        """The timer's bucket that this is in."""
        self.final_at = 0.0
        """When all that was said of it will be final, as of when it was to be forgotten; or 0."""
        self.settled_arrived = state.settled_arrived
        self.scheduled_arrived = state.scheduled_arrived
        self.closings_missing = state.closings_missing
        """Of those before its totals: what came after them makes up for none."""

    @property
    def foreign(self) -> bool:
        """True for a single task told by an SDK that numbers nothing."""
        return len(self.source.stream) == FOREIGN_STREAM_BYTES

    @property
    def untold(self) -> bool:
        """True if not one record of it has come: only its lock file tells of it."""
        return 0 < self.seen.highest == self.seen.missing()

    def frozen(self) -> StreamState:
        """All of it but the tasks, for a store."""
        return replace(
            self.state,
            highest=self.seen.highest,
            holes=tuple(self.seen.holes),
            ahead=tuple(self.ahead.values()),
            settled_arrived=self.settled_arrived,
            scheduled_arrived=self.scheduled_arrived,
            closings_missing=self.closings_missing,
            spanned=tuple(t for t in self.amendable.values() if kept_with_stream(t)),
        )

    def state_of(self, sequence: int) -> State:
        """Where the task with this opening stands."""
        task = self.fresh.get(sequence) or self.open.get(sequence)
        if task is not None:
            return State.STARTED if task.started_sequence else State.SCHEDULED
        settled = self.amendable.get(sequence)
        if settled is not None:
            return State.SPANNED if by_span(settled) else State.INFERRED
        early = self.ahead.get(sequence)
        if early is not None and early.closed:
            return State.AHEAD
        return State.CLOSED if sequence in self.seen else State.UNSEEN

    def hear(self, batch: Batch, limits: Limits) -> float | None:
        """Note that the stream spoke; its clock's offset and its lease follow from that.

        Returns since when a delay was taken for the offset, if the batch shows that one was.
        """
        before = state = self.state
        received_at = batch.received_at
        resource = batch.source.resource
        if resource and resource != self.source.resource:
            self.source = replace(state.source, resource=resource)
        if batch.same_clock:
            if state.offset_window:
                state = replace(state, offset_seconds=0.0, offset_window=())
        else:
            highest = MAX_SEQUENCE if self.foreign else self.seen.highest
            shown = clocks.shown_by(batch.facts, state.newest_at, highest)
            if shown is not None:
                state = clocks.after(state, received_at, shown, limits)
        self.state = replace(
            state,
            last_heard_at=received_at,
            first_heard_at=state.first_heard_at or received_at,
            same_clock=batch.same_clock,
            spool_gone_at=0.0,
            lease_until=received_at + state.lease_seconds if state.lease_seconds else 0.0,
        )
        return clocks.late_since(before, state)

    def rest(self) -> None:
        """Let go of its resource where nothing is open: very many streams are remembered."""
        if not (self.open or self.fresh):
            self.source = self.state.source

    def circumstances(self, task: OpenTask, hold_until: float) -> Circumstances:
        """What the rules need to know to judge ``task``."""
        state = self.state
        holes = not self.foreign and bool(self.seen.holes)
        last_hole = self.seen.holes[-1][1] if holes else 0
        hole_after_opening = last_hole > task.sequence
        lost = hole_after_opening and self.closing_missing
        over = task.notes.invocation_over_sequence
        return Circumstances(
            offset_seconds=clocks.offset_for(self.state, task),
            alive_at=self.alive_at,
            lock_fell_at=state.lock_fell_at,
            spool_gone_at=state.spool_gone_at,
            down_at=state.down_at,
            down_sequence=state.down_sequence,
            lease_until=state.lease_until,
            hold_until=hold_until,
            hole_after_opening=hole_after_opening,
            hole_within_invocation=hole_after_opening
            and over > 0  # else there is nothing to look for, among very many holes perhaps
            and self.seen.missing(task.sequence, over) > 0,
            settled_missing=self.closing_missing,
            death_will_show=self.death_will_show,
            vouched_at=0.0 if lost else state.vouched_at,
            missing=self._missing_after(task.sequence) if lost else None,
        )

    def due_at(self, task: OpenTask, limits: Limits) -> float:
        """When time alone makes the task due, on the sidecar's clock."""
        return due_at(
            task,
            clocks.offset_for(self.state, task),
            limits,
            death_will_show=self.death_will_show,
            vouched_at=self.vouched_at(task.sequence),
        )

    def vouched_at(self, opening: int) -> float:
        """When its process last showed that the task is under way; 0 if its closing may be lost."""
        if self.closing_missing and self.seen.holes and self.seen.holes[-1][1] > opening:
            return 0.0
        return self.state.vouched_at

    @property
    def alive_at(self) -> float:
        """When its process was last known to live."""
        state = self.state
        if state.lock_fell_at:
            return state.alive_at
        return max(state.last_heard_at, state.vouched_at)

    def _missing_after(self, sequence: int) -> Missing:
        first, last = self.seen.missing_after(sequence)
        return Missing(
            first=first,
            last=last,
            numbers=self.seen.missing(first, last),
            settled_reported=self.settled_told,
            settled_arrived=self.settled_arrived,
            reported_sequence=self.state.reported_sequence,
        )

    @property
    def closing_missing(self) -> bool:
        """True if closings are missing, as its totals or its lock file say."""
        return self.closings_missing > 0 or self.state.closings_lost > 0

    @property
    def settled_told(self) -> int:
        """How many tasks have settled: those whose closing came, and those known to be missing."""
        return self.settled_arrived + max(self.closings_missing, self.state.closings_lost)

    @property
    def death_will_show(self) -> bool:
        """True if its lock or its lease tells when the process is gone."""
        state = self.state
        return (state.same_clock and not state.spool_gone_at) or state.lease_seconds > 0

    def note_instance(self, fact: Instance, now: float) -> None:
        """Take its word about itself; where its totals grew, count what is missing of them anew."""
        totals_grew = fact.settled_total > self.state.settled_reported
        self.state = instances.after(self.state, fact, now)
        if totals_grew:
            overtaken = fact.sequence < self.seen.highest  # so that what came may be told later
            least = self.closings_missing if overtaken else 0
            self.closings_missing = max(least, fact.settled_total - self.settled_arrived)

    def end_invocation(self, fact: InvocationEnded) -> None:
        """Remember the end for openings that it has overtaken, if anything is missing before it."""
        if self.seen.holes:
            over = (fact.invocation, fact.sequence, fact.at)
            self.state = replace(
                self.state,
                invocations_over=(*self.state.invocations_over, over)[-_INVOCATIONS_KEPT:],
            )

    def end_of(self, task: OpenTask) -> InvocationEnded | None:
        """The end of its invocation, where that came before the task's opening did."""
        for invocation, sequence, at in self.state.invocations_over:
            if invocation == task.invocation and sequence > task.sequence:
                return InvocationEnded(sequence, at, invocation, scheduled=0, started=0)
        return None

    def missing(self) -> int:
        """Numbers missing and not yet given up."""
        if self.foreign or not self.seen.holes:
            return 0
        return self.seen.missing(max(1, self.state.given_up_below))

    def idle_for(self, limits: Limits) -> float:
        """How long it may be silent before it is forgotten, seconds."""
        if self.foreign:
            return limits.foreign_retention_seconds
        if self.state.lock_fell_at and not self.seen.holes:
            return limits.ended_stream_retention_seconds
        if self.state.same_clock and not (self.state.spool_gone_at or self.state.lock_fell_at):
            return FOREVER_SECONDS  # its lock is held: an idle process is not a forgotten one
        return limits.stream_retention_seconds


def kept_with_stream(settled: SettledTask) -> bool:
    """True for what may be amended and has no dead letter that a store would keep it by."""
    return by_span(settled) or not is_letter(settled)


def by_span(settled: SettledTask) -> bool:
    """True if the verdict rests on a foreign span."""
    return bool(settled.verdict.evidence) and settled.verdict.evidence[-1].kind == SPAN

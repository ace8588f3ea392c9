"""What a fact is to the book when a stream tells it: new, told before, or badly told."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from afterword import names
from afterword_sidecar.ledger import rollups
from afterword_sidecar.ledger.bookkeeping import Bookkeeper
from afterword_sidecar.ledger.facts import (
    Instance,
    InvocationEnded,
    Pending,
    Rollup,
    Scheduled,
    Settled,
    SpanEnded,
    Started,
)
from afterword_sidecar.ledger.registry import Registry
from afterword_sidecar.ledger.streams import Stream
from afterword_sidecar.ledger.transitions import ROWS, Kind, State

_KINDS: Final[dict[type, Kind]] = {
    Started: Kind.STARTED,
    Pending: Kind.PENDING,
    SpanEnded: Kind.SPAN,
}


class Told(Enum):
    """What a fact was to the book."""

    NEW = 0
    BEFORE = 1
    """Its number was seen before: it changes nothing."""
    BADLY = 2
    """It speaks of an opening that would come after it."""


class Hearing:
    """Takes each number once, and carries each fact to the entry, or the stream, that it is of."""

    def __init__(self, keeper: Bookkeeper, registry: Registry) -> None:
        self._keeper = keeper
        self._registry = registry
        self.handlers: dict[type, Callable[[Stream, Any, float], Told]] = {
            Scheduled: self._scheduled,
            Started: self._told_of_task,
            Pending: self._told_of_task,
            SpanEnded: self._told_of_task,
            Settled: self._settled,
            InvocationEnded: self._told_of_stream,
            Instance: self._told_of_stream,
            Rollup: self._told_of_stream,
        }
        """By the fact's type: what to do with it, given its stream and now."""

    # Of one task.

    def _scheduled(self, stream: Stream, fact: Scheduled, now: float) -> Told:
        if not stream.seen.see(fact.sequence):
            return Told.BEFORE
        stream.scheduled_arrived += 1
        # Its number is new, so of all states only these two are possible: no need to look further.
        early = stream.ahead.get(fact.sequence) if stream.ahead else None
        state = State.UNSEEN if early is None or not early.closed else State.AHEAD
        self._keeper.act(ROWS[state][Kind.SCHEDULED], stream, fact.sequence, fact, now)
        return Told.NEW

    def _settled(self, stream: Stream, fact: Settled, now: float) -> Told:
        opening = fact.opening_sequence
        if opening >= fact.sequence:
            return Told.BADLY
        if not stream.seen.see(fact.sequence):
            return Told.BEFORE
        self._keeper.take(stream, opening, Kind.SETTLED, fact, now)
        stream.settled_arrived += 1
        if stream.closings_missing and fact.sequence < stream.state.reported_sequence:
            stream.closings_missing -= 1
        if fact.folded:
            stream.scheduled_arrived += 1
            stream.seen.see(opening)
            if fact.started_sequence:
                stream.seen.see(fact.started_sequence)
        return Told.NEW

    def _told_of_task(
        self, stream: Stream, fact: Started | Pending | SpanEnded, now: float
    ) -> Told:
        if fact.opening_sequence >= fact.sequence:
            return Told.BADLY
        if not stream.seen.see(fact.sequence):
            return Told.BEFORE
        self._keeper.take(stream, fact.opening_sequence, _KINDS[type(fact)], fact, now)
        return Told.NEW

    # Of the stream, or of many tasks.

    def _told_of_stream(
        self, stream: Stream, fact: Rollup | InvocationEnded | Instance, now: float
    ) -> Told:
        if not stream.seen.see(fact.sequence):
            return Told.BEFORE
        if isinstance(fact, Rollup):
            self._roll_up(stream, fact, now)
        elif isinstance(fact, InvocationEnded):
            self._end_invocation(stream, fact, now)
        else:
            self._note_instance(stream, fact, now)
        return Told.NEW

    def _roll_up(self, stream: Stream, fact: Rollup, now: float) -> None:
        known, count = rollups.take(stream, fact)
        for opening in known:
            closing = rollups.closing_of(fact, opening)
            self._keeper.take(stream, opening, Kind.SETTLED, closing, now)
        stream.settled_arrived += len(known) + count
        if fact.ranges[0][0] < stream.state.reported_sequence:
            stream.closings_missing = max(0, stream.closings_missing - len(known) - count)
        stream.scheduled_arrived += count
        account = self._keeper.account(stream, fact.task, fact.platform, fact.origin, now)
        self._keeper.totals.schedule(account, count)
        key = (fact.outcome, fact.reason, names.OBSERVED)
        self._keeper.totals.settle(account, key, now, count)

    def _end_invocation(self, stream: Stream, fact: InvocationEnded, now: float) -> None:
        stream.end_invocation(fact)
        for opening in sorted(stream.by_invocation.get(fact.invocation, ())):
            self._keeper.take(stream, opening, Kind.INVOCATION_ENDED, fact, now)

    def _note_instance(self, stream: Stream, fact: Instance, now: float) -> None:
        stream.note_instance(fact, now)
        self._registry.watch(stream, now)

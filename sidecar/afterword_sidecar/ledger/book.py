"""The book: every task opened is closed exactly once, with an outcome; it must balance.

A fold over evidence and time. No clock, no I/O, no thread: ``now`` is passed in, and ``drain``
says what a store must make true. What is shown to anybody must be of a version that was committed.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import chain, islice
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from afterword import names
from afterword_sidecar.ledger import instances, rollups, totals, verdicts
from afterword_sidecar.ledger.audit import Audit, audit
from afterword_sidecar.ledger.bookkeeping import Bookkeeper
from afterword_sidecar.ledger.facts import (
    Batch,
    Instance,
    InvocationEnded,
    Pending,
    Rollup,
    Scheduled,
    Settled,
    SpanEnded,
    Started,
)
from afterword_sidecar.ledger.labels import Labels
from afterword_sidecar.ledger.letters import Letters
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import (
    Changes,
    OpenTask,
    Saved,
    StreamState,
    TaskKey,
)
from afterword_sidecar.ledger.registry import WHOLE_STREAM, Registry
from afterword_sidecar.ledger.streams import Stream, kept_with_stream
from afterword_sidecar.ledger.totals import Totals
from afterword_sidecar.ledger.transitions import ROWS, Kind, State
from afterword_sidecar.ledger.view import View

STALE: Final = "stale"
TOO_MANY_STREAMS: Final = "too_many_streams"
BAD_OPENING: Final = "bad_opening_sequence"

_LOOKS_AT_ONCE: Final = 5000
"""Timers per ``advance``: some 15 ms. A million may come up together; no client waits for all."""

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


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch. Duplicates are accepted: they were counted when they first came."""

    accepted: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = {}
    """By reason: ``stale``, ``too_many_streams``, ``bad_opening_sequence``."""


class Book:
    """One book. Synchronous, not thread-safe; never raises for what a client sent."""

    def __init__(self, limits: Limits, saved: Saved, now: float) -> None:
        self._limits = limits
        self._totals = Totals()
        self._labels = Labels(limits)
        self._letters = Letters(self._totals, saved.dead_letters_open)
        self._keeper = Bookkeeper(limits, self._labels, self._totals, self._letters)
        self._registry = Registry(limits, self._labels, self._totals, self._keeper.wheel)
        self._dying: dict[bytes, Stream] = {}
        """Dead for certain, with open tasks still to be pronounced."""
        self._handlers: dict[type, Callable[[Stream, Any, float], Told]] = {
            Scheduled: self._scheduled,
            Started: self._told_of_task,
            Pending: self._told_of_task,
            SpanEnded: self._told_of_task,
            Settled: self._settled,
            InvocationEnded: self._told_of_stream,
            Instance: self._told_of_stream,
            Rollup: self._told_of_stream,
        }
        self.stalled(0.0, now)
        self._restore(saved, now)

    @classmethod
    def restore(cls, limits: Limits, saved: Saved, now: float) -> "Book":
        """The book as a store kept it (``Saved()`` for an empty one); ``now`` in Unix seconds."""
        return cls(limits, saved, now)

    # Evidence.

    def apply(self, batch: Batch, now: float) -> Receipt:
        """Take note of what a stream told. Facts seen before change nothing."""
        stream = self._registry.admit(batch.source, now)
        if stream is None:
            reason = STALE if batch.source.stream in self._registry.retired else TOO_MANY_STREAMS
            return self._rejected(batch, {reason: len(batch.facts)}, now)
        if not batch.facts:
            return Receipt()
        self._registry.touched[batch.source.stream] = stream
        stream.hear(batch, self._limits)
        stream.seen.begin()
        duplicates = bad = 0
        handlers, new = self._handlers, Told.NEW
        for fact in batch.facts:
            told = handlers[type(fact)](stream, fact, now)
            if told is not new:
                duplicates += told is Told.BEFORE
                bad += told is Told.BADLY
        recovered = stream.seen.filled
        self._registry.count_holes(stream, recovered, now)
        if stream.state.lease_until and (stream.open or stream.fresh):
            self._registry.watch(stream, now)  # the lease was promised before there was a task
        if recovered:
            self._look_again_at_lost_evidence(stream, now)
        if bad:
            rejected = self._rejected(batch, {BAD_OPENING: bad}, now).rejected
            return Receipt(len(batch.facts) - bad, duplicates, rejected)
        return Receipt(len(batch.facts), duplicates)

    def _rejected(self, batch: Batch, reasons: dict[str, int], now: float) -> Receipt:
        service = self._labels.service(batch.source.service)
        for reason, count in reasons.items():
            self._totals.add(totals.EVIDENCE_REJECTED, (service, reason), now, count)
        return Receipt(rejected=reasons)

    def stream_ended(self, stream_id: bytes, now: float, *, alive_at: float) -> None:
        """A process died for certain: its lock fell, and its spool was read to the end.

        ``alive_at``: when it was last seen alive (Unix seconds), for the record of the stream.
        """
        stream = self._registry.streams.get(stream_id)
        if stream is None or stream.state.lock_fell_at:
            return
        self._registry.touched[stream_id] = stream
        stream.state = replace(
            stream.state,
            lock_fell_at=now,
            alive_at=alive_at,
            last_heard_at=max(stream.state.last_heard_at, alive_at),
        )
        for opening in list(stream.amendable):
            self._keeper.take(stream, opening, Kind.STREAM_ENDED, None, now)
        self._bury(stream, now)
        self._registry.give_up_holes(stream, now)
        self._registry.watch(stream, now)

    # Time.

    def advance(self, now: float) -> None:
        """Let time pass: deadlines, leases, longest lives, finality, retention.

        A bounded piece of it: while ``next_due`` lies at or before ``now`` there is more to do.
        """
        if self._dying:
            self._bury(next(iter(self._dying.values())), now)
            return
        for stream, number in self._keeper.wheel.take_due(now, _LOOKS_AT_ONCE):
            if self._registry.streams.get(stream.source.stream) is not stream:
                continue
            if number == WHOLE_STREAM:
                self._look_at(stream, now)
                continue
            self._keeper.look_again(stream, abs(number), now)
            settled = stream.amendable.get(abs(number))
            if settled is not None and kept_with_stream(settled):
                self._registry.touched[stream.source.stream] = stream

    def spooled_streams(self) -> set[bytes]:
        """Streams that tell by spool and have not ended: each should have a lock to ask for."""
        return {
            stream_id
            for stream_id, stream in self._registry.streams.items()
            if stream.state.same_clock and not (stream.state.lock_fell_at or stream.foreign)
        }

    def spool_gone(self, stream_id: bytes, now: float) -> None:
        """Its lock and all it wrote are gone (a directory in memory, and a host that went down).

        Whatever was not read is lost, and whether the process lives cannot be asked: its tasks are
        judged as those of a process that fell silent.
        """
        stream = self._registry.streams.get(stream_id)
        if stream is not None and not (stream.state.lock_fell_at or stream.state.spool_gone_at):
            self._registry.touched[stream_id] = stream
            stream.state = replace(stream.state, spool_gone_at=now)
            self._registry.watch(stream, now)

    def records_lost(self, stream_id: bytes, highest: int, closings: int, now: float) -> None:
        """Its spool had no room for some records: ``highest`` is the greatest number of theirs.

        ``closings`` of them told how a task ended. To be told when all that was written is booked;
        with 0 for both once there was room for all of them.
        """
        stream = self._registry.streams.get(stream_id)
        if stream is None:
            return
        self._registry.touched[stream_id] = stream
        stream.seen.expect(highest)
        stream.state = replace(stream.state, closings_lost=closings)
        self._registry.count_holes(stream, 0, now)

    def alive(self, stream_ids: Iterable[bytes], now: float) -> None:
        """The locks of these streams are held: their tasks, however old, may well be running.

        Told now and then by whoever watches the locks. Changes nothing that a store must know.
        """
        for stream_id in stream_ids:
            stream = self._registry.streams.get(stream_id)
            if stream is not None:
                stream.state = replace(stream.state, vouched_at=now)

    def stalled(self, seconds: float, now: float) -> None:
        """The sidecar was away for so long: silence until now proves nothing.

        Clients may be waiting to try again, so nothing is inferred from silence for the stall or
        their longest back-off, whichever is greater.
        """
        patience = self._keeper.patience.after(seconds, now, self._limits)
        self._keeper.patience = self._registry.patience = patience

    def next_due(self) -> float | None:
        """The earliest moment at which ``advance`` may have something to do, Unix seconds."""
        return 0.0 if self._dying else self._keeper.wheel.next_second()

    # What comes out.

    def drain(self) -> Changes:
        """The net changes since the last drain, for one commit."""
        keeper, registry = self._keeper, self._registry
        opened = list(keeper.updated.values())
        for stream in registry.touched.values():
            for task in stream.fresh.values():
                keeper.keep(stream, task, task.received_at)
                opened.append(task)
            stream.fresh.clear()
        changes = Changes(
            opened=opened,
            closed=keeper.closed,
            payloads=keeper.payloads,
            streams=[stream.frozen() for stream in registry.touched.values()],
            retired=registry.newly_retired,
            totals=self._totals.drain(),
            dead_letters=self._letters.drain(),
            settled=keeper.settled,
        )
        keeper.updated, keeper.closed, keeper.payloads, keeper.settled = {}, [], {}, []
        registry.touched, registry.newly_retired = {}, []
        return changes

    def view(self) -> View:
        """The book's numbers as of the last drain."""
        accounts = {a.series.labels: a for a in self._totals.accounts.values()}
        oldest: dict[tuple[str, str], float] = {}
        for labels, account in accounts.items():
            if account.oldest:
                second = float(min(account.oldest))
                oldest[labels[:2]] = min(second, oldest.get(labels[:2], second))
        ended = sum(1 for stream in self._registry.streams.values() if stream.state.lock_fell_at)
        return View(
            totals=self._totals.values.copy(),
            series_created={labels: a.scheduled.created for labels, a in accounts.items()},
            in_flight={labels: a.in_flight for labels, a in accounts.items()},
            oldest_in_flight=oldest,
            holes=self._registry.holes.copy(),
            dead_letters_open=self._letters.open_counts.copy(),
            streams_live=len(self._registry.streams) - ended,
            streams_ended=ended,
            open_tasks=sum(a.in_flight for a in accounts.values()),
        )

    def audit(self, now: float) -> Audit:
        """Whether the book, as of the last drain, can be trusted, and what is missing."""
        return audit(self._registry.labelled(), self.view(), now)

    def in_flight(self) -> Iterator[OpenTask]:
        """Every open task, stream by stream, oldest first within each."""
        streams = self._registry.streams.values()
        held = ((stream.open.values(), stream.fresh.values()) for stream in streams)
        return chain.from_iterable(chain.from_iterable(held))

    def find(self, key: TaskKey) -> OpenTask | None:
        """The open task of that key; ``None`` if it was never heard of, or has ended."""
        stream = self._registry.streams.get(key[0])
        if stream is None:
            return None
        return stream.open.get(key[1]) or stream.fresh.get(key[1])

    def forget_dead_letters(
        self, keys: list[TaskKey], by_labels: dict[tuple[str, str, str], int]
    ) -> None:
        """Retention has taken these letters: late evidence can amend them no more."""
        for stream_id, opening in keys:
            stream = self._registry.streams.get(stream_id)
            if stream is not None:
                stream.amendable.pop(opening, None)
                early = stream.ahead.get(opening)
                if early is not None:
                    stream.ahead[opening] = replace(early, letter=None)
                self._registry.touched[stream_id] = stream
        for labels, count in by_labels.items():
            self._letters.forget(labels, count)

    # Facts.

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
        stream.scheduled_arrived += count
        account = self._keeper.account(stream, fact.task, fact.platform, fact.origin, now)
        self._totals.schedule(account, count)
        key = (fact.outcome, fact.reason, names.OBSERVED)
        self._totals.settle(account, key, now, count)

    def _end_invocation(self, stream: Stream, fact: InvocationEnded, now: float) -> None:
        stream.end_invocation(fact)
        for opening in sorted(stream.by_invocation.get(fact.invocation, ())):
            self._keeper.take(stream, opening, Kind.INVOCATION_ENDED, fact, now)

    def _note_instance(self, stream: Stream, fact: Instance, now: float) -> None:
        stream.state = instances.after(stream.state, fact, now)
        self._registry.watch(stream, now)

    def _look_at(self, stream: Stream, now: float) -> None:
        """The stream's own timer came up: goodbye, lease, holes, retention. Then set the next."""
        registry = self._registry
        stream.armed_at, stream.armed_second = 0.0, 0
        registry.touched[stream.source.stream] = stream
        if registry.to_judge(stream, now):
            self._judge_all(stream, now)
        since = stream.state.hole_since
        if since and now >= since + self._limits.hole_patience_seconds:
            registry.give_up_holes(stream, now)
        if registry.is_over(stream, now):
            registry.retire(stream, now)
        else:
            registry.watch(stream, now)

    def _bury(self, stream: Stream, now: float) -> None:
        """Pronounce what a dead process left open, a bounded piece at a time."""
        openings = list(islice(chain(stream.open, stream.fresh), _LOOKS_AT_ONCE))
        for opening in openings:
            self._keeper.take(stream, opening, Kind.STREAM_ENDED, None, now)
        if stream.open or stream.fresh:
            self._dying[stream.source.stream] = stream
        else:
            self._dying.pop(stream.source.stream, None)

    def _judge_all(self, stream: Stream, now: float) -> None:
        for opening in (*stream.open, *stream.fresh):
            self._keeper.take(stream, opening, Kind.TIME, None, now)

    def _look_again_at_lost_evidence(self, stream: Stream, now: float) -> None:
        for opening in sorted(stream.held_back):
            self._keeper.take(stream, opening, Kind.TIME, None, now)
        stream.held_back &= stream.open.keys() | stream.fresh.keys()
        blamed = [
            opening
            for opening, settled in stream.amendable.items()
            if settled.verdict.reason == verdicts.EVIDENCE_LOST
        ]
        for opening in blamed:
            self._keeper.take(stream, opening, Kind.RECOVERED, None, now)

    # Restoring.

    def _restore(self, saved: Saved, now: float) -> None:
        self._totals.restore(saved.totals)
        for total in saved.totals:
            if total.metric == totals.SCHEDULED:
                series = self._labels.keep(*total.labels)
                self._totals.account(series, total.created)
        self._registry.retired = dict.fromkeys(saved.retired)
        for state in saved.streams:
            self._registry.add(state)
        for settled in saved.amendable:
            owner = self._registry.streams.get(settled.key[0])
            if owner is not None:
                self._keeper.take_up(owner, settled, now)
        for task in saved.open_tasks:
            self._restore_task(task, now)
        for stream in self._registry.streams.values():
            self._registry.watch(stream, now)

    def _restore_task(self, task: OpenTask, now: float) -> None:
        registry = self._registry
        # Should the store have lost its stream, the task itself says enough to go on.
        state = StreamState(task.source, highest=task.sequence, last_heard_at=now)
        stream = registry.streams.get(task.source.stream) or registry.add(state)
        series = self._labels.keep(*task.series.labels)
        self._totals.account(series, now).in_flight += 1
        self._keeper.keep(stream, replace(task, series=series), now)
        if task.invocation:
            stream.by_invocation.setdefault(task.invocation, set()).add(task.sequence)
        if task.notes.invocation_over_sequence and not task.started_sequence:
            stream.held_back.add(task.sequence)

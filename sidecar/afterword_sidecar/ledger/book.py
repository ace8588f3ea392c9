"""The book: every task opened is closed exactly once, with an outcome; it must balance.

A fold over evidence and time. No clock, no I/O, no thread: ``now`` is passed in, and ``drain``
says what a store must make true. What is shown to anybody must be of a version that was committed.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import msgspec
from msgspec.structs import replace

from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.audit import Audit, Auditing
from afterword_sidecar.ledger.bookkeeping import Bookkeeper
from afterword_sidecar.ledger.facts import UNKNOWN_SERVICE, Batch, Source
from afterword_sidecar.ledger.hearing import Hearing, Told
from afterword_sidecar.ledger.labels import Labels
from afterword_sidecar.ledger.letters import Letters
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.lives import LOOKS_AT_ONCE, Lives
from afterword_sidecar.ledger.records import Changes, OpenTask, Saved, TaskKey
from afterword_sidecar.ledger.registry import WHOLE_STREAM, Registry
from afterword_sidecar.ledger.restoring import restore
from afterword_sidecar.ledger.streams import kept_with_stream
from afterword_sidecar.ledger.totals import Totals
from afterword_sidecar.ledger.view import View, view_of

STALE: Final = "stale"
TOO_MANY_STREAMS: Final = "too_many_streams"
BAD_OPENING: Final = "bad_opening_sequence"


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch. Duplicates are accepted: they were counted when they first came."""

    accepted: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = {}
    """By reason: ``stale``, ``too_many_streams``, ``bad_opening_sequence``."""


class Book:
    """One book. Synchronous, not thread-safe; never raises for what a client sent."""

    def __init__(self, limits: Limits, saved: Saved, now: float) -> None:
        """The book as a store kept it (``Saved()`` for an empty one); ``now`` in Unix seconds."""
        self._limits = limits
        self._totals = Totals()
        self._labels = Labels(limits)
        self._letters = Letters(self._totals, saved.dead_letters_open)
        self._keeper = Bookkeeper(limits, self._labels, self._totals, self._letters)
        self._registry = Registry(limits, self._labels, self._totals, self._keeper.wheel)
        self._hearing = Hearing(self._keeper, self._registry)
        self._lives = Lives(limits, self._keeper, self._registry)
        self.stalled(0.0, now)
        restore(saved, self._keeper, self._registry, now)

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
        late_since = stream.hear(batch, self._limits)
        stream.seen.begin()
        duplicates = bad = 0
        handlers, new = self._hearing.handlers, Told.NEW
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
            self._lives.recover(stream, now)
        if late_since is not None:
            self._keeper.hasten(stream, late_since, now)
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
        if stream is not None and not stream.state.lock_fell_at:
            self._lives.end(stream, now, alive_at=alive_at)

    # Time.

    def advance(self, now: float) -> None:
        """Let time pass: deadlines, leases, longest lives, finality, retention.

        A bounded piece of it: while ``next_due`` lies at or before ``now`` there is more to do.
        """
        if self._lives.dying:
            self._lives.bury(next(iter(self._lives.dying.values())), now)
            return
        if self._lives.suspect:
            self._lives.judge(now)
            return
        for stream, number in self._keeper.wheel.take_due(now, LOOKS_AT_ONCE):
            if self._registry.streams.get(stream.source.stream) is not stream:
                continue
            if number == WHOLE_STREAM:
                self._lives.look_at(stream, now)
                continue
            self._keeper.look_again(stream, abs(number), now)
            settled = stream.amendable.get(abs(number))
            if settled is not None and kept_with_stream(settled):
                self._registry.touched[stream.source.stream] = stream
        self._lives.judge(now)

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
        if stream is not None:
            self._lives.lose_spool(stream, now)

    def records_lost(self, stream_id: bytes, highest: int, closings: int, now: float) -> None:
        """Its spool had no room for some records: ``highest`` is the greatest number of theirs.

        ``closings`` of them told how a task ended. To be told when all that was written is booked;
        with 0 for both once there was room for all of them. A stream that never had room for one
        line becomes known by this, as one of ``UNKNOWN_SERVICE`` until it says whose it is.
        """
        stream = self._registry.streams.get(stream_id)
        if stream is None and highest:
            stream = self._registry.admit(Source(stream_id, UNKNOWN_SERVICE), now)
            if stream is not None:
                stream.state = replace(stream.state, same_clock=True)
        if stream is not None:
            self._lives.lose_records(stream, highest, closings, now)

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
        if self._lives.dying or self._lives.suspect:
            return 0.0
        return self._keeper.wheel.next_second()

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
            stream.rest()
        changes = Changes(
            opened=opened,
            closed=keeper.closed,
            payloads=keeper.payloads,
            streams=[stream.frozen() for stream in registry.touched.values()],
            retired=registry.newly_retired,
            totals=self._totals.drain(),
            dead_letters=self._letters.drain(),
            settled=keeper.pronounced.settled,
        )
        keeper.updated, keeper.closed, keeper.payloads = {}, [], {}
        keeper.pronounced.settled = []
        registry.touched, registry.newly_retired = {}, []
        return changes

    def view(self) -> View:
        """The book's numbers as of the last drain."""
        return view_of(self._totals, self._registry, self._letters)

    def audit(self, now: float) -> Audit:
        """Whether the book, as of the last drain, can be trusted, and what is missing."""
        auditing = Auditing(now)
        self.audit_streams(auditing, self.stream_ids())
        return auditing.found(self.view())

    def audit_streams(self, auditing: Auditing, stream_ids: Iterable[bytes]) -> None:
        """A part of an audit, for whoever cannot wait for all of it at once."""
        auditing.look_at(self._registry.labelled(stream_ids))

    def stream_ids(self) -> list[bytes]:
        """All streams that are not forgotten."""
        return list(self._registry.streams)

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

"""A book that notes what it is told, call by call, and what it pronounced for each."""

from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from afterword_sidecar import __version__
from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.recording import limits_record
from afterword_sidecar.ledger.book import STALE, TOO_MANY_STREAMS, Book, Receipt
from afterword_sidecar.ledger.facts import Batch, Fact
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.patience import Patience
from afterword_sidecar.ledger.records import Changes, Saved, SettledTask, TaskKey, Total

Noted = shapes.Deed | Fact | SettledTask
_NOT_TAKEN: Final = frozenset({STALE, TOO_MANY_STREAMS})


class Group(msgspec.Struct, frozen=True):
    """What goes into the journal with one commit: values of the ledger, still to be written."""

    noted: list[Noted]
    totals: list[Total]
    limits: Limits
    patience: Patience
    """As it was before."""


class JournaledBook(Book):
    """The book, unchanged in what it does. Each ``drain`` with changes leaves a group behind.

    ``groups`` is emptied by ``JournaledStore``, on the store's thread.
    """

    def __init__(
        self, limits: Limits, saved: Saved, now: float, groups: deque[Group], *, cut: int
    ) -> None:
        """``cut``: how many records of a commit that failed were removed from the journal."""
        self._groups = groups
        self._noted: list[Noted] = []
        self._pronounced = 0
        self._patience = Patience()
        super().__init__(limits, saved, now)
        self._noted = [
            shapes.Opened(
                at=now,
                version=__version__,
                limits=limits_record(limits),
                open_tasks=len(saved.open_tasks),
                streams=len(saved.streams) + len(saved.retired),
                cut=cut,
            )
        ]

    def apply(self, batch: Batch, now: float) -> Receipt:
        """Note who told what; the facts as they are."""
        source = batch.source
        new = source.stream not in self._registry.streams
        receipt = super().apply(batch, now)
        for reason in _NOT_TAKEN.intersection(receipt.rejected):
            told = shapes.Refused(source.stream.hex(), now, reason, len(batch.facts))
            self._noted.append(told)
            return receipt
        self._noted.append(
            shapes.Heard(
                source.stream.hex(),
                source.service,
                batch.received_at,
                now,
                len(batch.facts),
                instance=source.instance,
                same_clock=batch.same_clock,
                new=new,
            )
        )
        self._noted += batch.facts
        self._note_verdicts()
        return receipt

    def stream_ended(self, stream_id: bytes, now: float, *, alive_at: float) -> None:
        """Note that the lock fell."""
        super().stream_ended(stream_id, now, alive_at=alive_at)
        self._noted.append(shapes.Ended(stream_id.hex(), now, alive_at))
        self._note_verdicts()

    def alive(self, stream_ids: Iterable[bytes], now: float) -> None:
        """Note which locks are held; kept with the streams, as the book goes by it ever after."""
        known = [each for each in stream_ids if each in self._registry.streams]
        super().alive(known, now)
        if known:
            self._registry.touched |= {each: self._registry.streams[each] for each in known}
            self._noted.append(shapes.Alive(now, [each.hex() for each in known]))

    def spool_gone(self, stream_id: bytes, now: float) -> None:
        """Note that whether it lives cannot be asked any more."""
        super().spool_gone(stream_id, now)
        self._noted.append(shapes.SpoolGone(stream_id.hex(), now))

    def records_lost(self, stream_id: bytes, highest: int, closings: int, now: float) -> None:
        """Note what a spool had no room for."""
        known = stream_id in self._registry.streams
        super().records_lost(stream_id, highest, closings, now)
        new = not known and stream_id in self._registry.streams
        self._noted.append(shapes.RecordsLost(stream_id.hex(), now, highest, closings, new=new))

    def advance(self, now: float) -> None:
        """Note that time passed, where it mattered."""
        super().advance(now)
        if len(self._keeper.pronounced.settled) > self._pronounced:
            self._noted.append(shapes.Time(now))
            self._note_verdicts()

    def stalled(self, seconds: float, now: float) -> None:
        """Note that silence proves nothing for a while."""
        super().stalled(seconds, now)
        self._noted.append(shapes.Stalled(now, seconds))

    def forget_dead_letters(
        self, keys: list[TaskKey], by_labels: dict[tuple[str, str, str], int]
    ) -> None:
        """Note what retention took."""
        super().forget_dead_letters(keys, by_labels)
        self._noted.append(shapes.Forgotten([(stream.hex(), opening) for stream, opening in keys]))

    def drain(self) -> Changes:
        """As ever. What is noted waits for changes, as only they are committed."""
        changes = super().drain()
        self._pronounced = 0
        if not changes.empty:
            if changes.retired:
                retired = [stream.hex() for stream in changes.retired]
                self._noted.append(shapes.Retired(retired))
            limits, patience = self._limits, self._patience
            self._groups.append(Group(self._noted, changes.totals, limits, patience))
            self._noted, self._patience = [], self._keeper.patience
        return changes

    def _note_verdicts(self) -> None:
        settled = self._keeper.pronounced.settled
        self._noted += settled[self._pronounced :]
        self._pronounced = len(settled)

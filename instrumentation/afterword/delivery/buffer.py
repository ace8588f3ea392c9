"""Records waiting to be sent: bounded in bytes, whatever the sidecar does. Pure; no locks, no I/O.

Records of one task wait together, so that an opening and a closing that leave together become one.
When room runs out, payloads are shed first, oldest first; then the detail of tasks that both began
and ended in here, oldest first; then the newcomer. A closing whose opening has left is never shed:
each opening keeps a place for its closing from the start (``KEPT_BYTES``), so the bound limits how
many tasks may be open at once (20,000 in 16 MiB), and openings beyond that are shed.
"""

import sys
from collections import deque
from typing import Final

from afterword import names
from afterword.delivery.entry import Batch, Entry
from afterword.evidence import (
    Failure,
    Opening,
    Pending,
    Record,
    Settled,
    Started,
    without_payload,
)

# What a record, and the entry that holds it, weigh in memory without their long texts. Measured
# and rounded up; a test holds the sum against tracemalloc.
ENTRY_BYTES: Final = 220
OPENING_BYTES: Final = 340
STARTED_BYTES: Final = 190
CLOSING_BYTES: Final = 280
FOLDED_BYTES: Final = 100  # beside the bytes that opening, start and closing became
OTHER_BYTES: Final = 320
KEPT_BYTES: Final = ENTRY_BYTES + CLOSING_BYTES + OPENING_BYTES
"""A closing that goes by itself keeps its opening in memory."""

_SHED: Final = "not sent: the buffer was full"
_NOT_NEEDED: Final = "not kept: the task completed"


class Buffer:
    """What waits, in the order of arrival. ``size_bytes`` never exceeds ``capacity_bytes``.

    The size counts what waits, batches taken and not yet released, and places kept for closings.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes: Final = capacity_bytes
        self.size_bytes = 0
        self.records = 0
        """Records waiting, without those in batches taken."""
        self.shed_records = 0
        """Records dropped so far: each is a hole in the sequence."""
        self.shed_details = 0
        """Payloads and failures' details dropped so far from records that were not."""
        self.newest = 0
        """The serial of the entry made last; serials grow. 0 before the first."""
        self._entries: dict[int, Entry] = {}
        self._awaited: set[int] = set()  # openings that left and whose closings have not come
        # In which order to shed. Keys of entries that have left may still be in them.
        self._payloads: deque[int] = deque()
        self._wholes: deque[int] = deque()

    @property
    def oldest(self) -> int | None:
        """The serial of the entry that has waited longest, or ``None`` when nothing waits."""
        for entry in self._entries.values():
            return entry.serial
        return None

    def add(self, record: Record) -> None:
        """Take one record, shedding what the rules say where there is no room."""
        if isinstance(record, Started):
            self._add_started(record)
        elif isinstance(record, Settled):
            if not self._complete(record):
                self._add_closing(record)
        elif isinstance(record, Opening):
            self._add_opening(record)
        else:
            self._add_other(record)

    def take(self, most_records: int, most_bytes: int) -> Batch:
        """Remove the oldest entries, up to these bounds, but at least one if any waits."""
        taken: list[Entry] = []
        records = size = 0
        for entry in self._entries.values():
            records += entry.records
            size += entry.size_bytes
            if taken and (records > most_records or size > most_bytes):
                break
            taken.append(entry)
        for entry in taken:
            del self._entries[entry.key]
            self.records -= entry.records
            if entry.opening is not None and entry.settled is None:
                self._awaited.add(entry.key)
        for order in (self._payloads, self._wholes):
            while order and order[0] not in self._entries:
                order.popleft()
        return Batch(taken, sum(entry.size_bytes for entry in taken))

    def release(self, batch: Batch) -> None:
        """Give back the room of a batch, or a part of one, that was sent or given up."""
        self.size_bytes -= batch.size_bytes

    def _add_opening(self, opening: Opening) -> None:
        text = len(opening.links) + _payload_bytes(opening)
        if not self._room_for(ENTRY_BYTES + OPENING_BYTES + KEPT_BYTES + text):
            text = len(opening.links)
            least = ENTRY_BYTES + OPENING_BYTES + KEPT_BYTES + text
            if opening.payload is None or not self._room_for(least):
                self.shed_records += 1
                return
            opening = without_payload(opening, _SHED)
            self.shed_details += 1
        entry = self._entry(opening.sequence)
        entry.opening = opening
        self._grow(entry, OPENING_BYTES + text)
        if opening.payload is not None:
            self._payloads.append(entry.key)
        if entry.settled is None:
            self.size_bytes += KEPT_BYTES
        else:
            self._whole(entry, entry.settled)

    def _add_started(self, started: Started) -> None:
        opening = started.opening
        size = STARTED_BYTES + OPENING_BYTES
        if not self._room_for(ENTRY_BYTES + size):
            self.shed_records += 1
            return
        entry = self._entry(opening.sequence)
        if opening.payload is not None:
            started = started._replace(opening=_bare(opening))
        elif entry.opening is opening:
            size = STARTED_BYTES
        entry.started = started
        self._grow(entry, size)

    def _complete(self, settled: Settled) -> bool:
        """Encode a task that completed and whose opening waits; whether there was room for that.

        What nearly every task comes to. It is encoded now because that costs less than later, when
        its records have left the processor's cache; and because to the garbage collector bytes
        are nothing, where they are half a dozen objects.
        """
        opening = settled.opening
        if settled.outcome != names.COMPLETED or opening.payload is not None:
            return False
        entry = self._entries.get(opening.sequence)
        if entry is None or entry.opening is not opening or entry.others:
            return False
        folded = entry.fold(settled)
        size = ENTRY_BYTES + FOLDED_BYTES + len(folded)
        more = size - entry.size_bytes - KEPT_BYTES
        if self.size_bytes + more > self.capacity_bytes:
            return False
        entry.folded = folded
        entry.opening = entry.started = None
        entry.records += 1
        entry.size_bytes = size
        self.size_bytes += more
        self.records += 1
        self._wholes.append(entry.key)
        return True

    def _add_closing(self, settled: Settled) -> None:
        key = settled.opening.sequence
        waiting = self._entries.get(key)
        kept = key in self._awaited or (waiting is not None and waiting.opening is not None)
        if kept:
            self._awaited.discard(key)
            self.size_bytes -= KEPT_BYTES
        detail = _failure_bytes(settled.failure)
        if not self._room_for(KEPT_BYTES + detail):
            if not (kept or self._room_for(KEPT_BYTES)):
                self.shed_records += 1
                return
            settled, detail = settled._replace(failure=None), 0
            self.shed_details += 1
        entry = self._entry(key)
        if entry.opening is not None:
            self._grow(entry, CLOSING_BYTES + detail)
            self._whole(entry, settled)
            return
        if settled.opening.payload is not None:
            settled = settled._replace(opening=_bare(settled.opening))
        entry.settled = settled
        self._grow(entry, CLOSING_BYTES + OPENING_BYTES + detail)

    def _add_other(self, record: Record) -> None:
        size, key = OTHER_BYTES, record.sequence
        if isinstance(record, Pending):
            size += OPENING_BYTES + sys.getsizeof(record.awaiting)
            key = record.opening.sequence
            record = record._replace(opening=_bare(record.opening))
        if not self._room_for(ENTRY_BYTES + size):
            self.shed_records += 1
            return
        entry = self._entry(key)
        entry.others = (*entry.others, record)
        self._grow(entry, size)

    def _entry(self, key: int) -> Entry:
        entry = self._entries.get(key)
        if entry is None:
            self.newest += 1
            entry = self._entries[key] = Entry(key, self.newest)
            entry.size_bytes = ENTRY_BYTES
            self.size_bytes += ENTRY_BYTES
        return entry

    def _grow(self, entry: Entry, size_bytes: int) -> None:
        entry.records += 1
        entry.size_bytes += size_bytes
        self.records += 1
        self.size_bytes += size_bytes

    def _whole(self, entry: Entry, settled: Settled) -> None:
        """Opening and closing have met: the closing carries the opening from now on."""
        if settled.outcome == names.COMPLETED:
            self._shrink(entry, _NOT_NEEDED)
        if entry.opening is not None and entry.opening is not settled.opening:
            settled = settled._replace(opening=entry.opening)
        entry.settled = settled
        self._wholes.append(entry.key)

    def _shrink(self, entry: Entry, why: str) -> bool:
        """Drop the payload of an entry; whether it had one."""
        size = _payload_bytes(entry.opening)
        if size:
            entry.drop_payload(why)
            entry.size_bytes -= size
            self.size_bytes -= size
        return size > 0

    def _room_for(self, size_bytes: int) -> bool:
        """Whether so much fits, after shedding what may be shed for it."""
        if size_bytes > self.capacity_bytes:
            return False
        while self.size_bytes + size_bytes > self.capacity_bytes:
            if not (self._shed_payload() or self._shed_whole()):
                return False
        return True

    def _shed_payload(self) -> bool:
        while self._payloads:
            entry = self._entries.get(self._payloads.popleft())
            if entry is not None and self._shrink(entry, _SHED):
                self.shed_details += 1
                return True
        return False

    def _shed_whole(self) -> bool:
        """Drop the detail of one task that began and ended in here. Its numbers become holes."""
        while self._wholes:
            entry = self._entries.get(self._wholes.popleft())
            if entry is not None and entry.whole:
                del self._entries[entry.key]
                self.size_bytes -= entry.size_bytes
                self.records -= entry.records
                self.shed_records += entry.records
                return True
        return False


def _bare(opening: Opening) -> Opening:
    """The opening as a later record carries it: without a payload that nobody reads there."""
    return opening._replace(payload=None)


def _payload_bytes(opening: Opening | None) -> int:
    if opening is None or opening.payload is None:
        return 0
    return sys.getsizeof(opening.payload)


def _failure_bytes(failure: Failure | None) -> int:
    return sys.getsizeof(failure) + sum(map(sys.getsizeof, failure)) if failure else 0

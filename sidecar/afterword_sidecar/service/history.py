"""What the book counted lately, slot by slot: a bounded memory of its totals' changes. Pure.

It begins when the sidecar starts. Of the time before, only what was lost is known, because dead
letters are kept and completed tasks are not; ``whole_since`` says where that ends.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from afterword import names
from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.records import Total
from afterword_sidecar.stores.contract import LossCount

SLOT_SECONDS: Final = 10
SLOTS: Final = 24 * 360 + 120
"""Kept of the book as a whole: a day and 20 minutes, so that it can be shown from a round time."""
MINUTE_SECONDS: Final = 60
MINUTES_OF_A_TASK: Final = 60
"""Kept of each task: 2 kB, so that 5,000 of them take 10 MB."""
_MOST: Final = 2**64 - 1
"""What a count can be. One request can roll up billions of tasks: it stands there, and goes on."""

COLUMNS: Final = ("scheduled", *names.OUTCOMES)
TASK_COLUMNS: Final = ("scheduled", names.COMPLETED, "lost")
_LOST: Final = TASK_COLUMNS.index("lost")
CANCELLED_ITSELF: Final = (names.CANCELLED, "cancelled")
"""Outcome and reason of what the application cancelled itself, which is no loss."""


class Slot(msgspec.Struct, frozen=True):
    """What was counted in one slot. Verdicts are pronouncements: an amendment is one more."""

    at: int
    """Its beginning, Unix seconds."""
    counts: dict[str, int]
    """By the names of ``COLUMNS``, or ``TASK_COLUMNS``."""


class Ring:
    """Counts of the last slots, in a fixed piece of memory."""

    __slots__ = ("_columns", "_counts", "_seconds", "_slots")

    def __init__(self, slots: int, seconds: int, columns: tuple[str, ...]) -> None:
        """``seconds``: the length of a slot."""
        self._slots = slots
        self._seconds = seconds
        self._columns = columns
        self._counts = array("Q", bytes(8 * slots * (1 + len(columns))))

    def add(self, at: float, column: int, count: int) -> None:
        """Count in ``column`` at a moment (Unix seconds); what is too old is passed over."""
        slot = int(at // self._seconds)
        start = slot % self._slots * (1 + len(self._columns))
        if self._counts[start] > slot:
            return
        if self._counts[start] < slot:
            self._counts[start] = slot
            for cell in range(start + 1, start + 1 + len(self._columns)):
                self._counts[cell] = 0
        cell = start + 1 + column
        self._counts[cell] = min(self._counts[cell] + count, _MOST)

    def last(self, slots: int, now: float) -> list[Slot]:
        """The last ``slots``, the one of ``now`` included, oldest first."""
        newest = int(now // self._seconds)
        oldest = newest - min(slots, self._slots) + 1
        return [self._read(slot) for slot in range(oldest, newest + 1)]

    def _read(self, slot: int) -> Slot:
        start = slot % self._slots * (1 + len(self._columns))
        known = self._counts[start] == slot
        values = self._counts[start + 1 : start + 1 + len(self._columns)]
        counts = {name: values[at] if known else 0 for at, name in enumerate(self._columns)}
        return Slot(slot * self._seconds, counts)


class History:
    """The book's last day, and each task's last hour."""

    def __init__(self, known: Mapping[tuple[str, tuple[str, ...]], Total], now: float) -> None:
        """``known``: the totals so far; only what is added to them counts."""
        self.whole_since = now
        self._book = Ring(SLOTS, SLOT_SECONDS, COLUMNS)
        self._tasks: dict[tuple[str, str], Ring] = {}
        self._values: dict[tuple[str, tuple[str, ...]], float] = {}
        for total in known.values():
            self._increase(total)

    def recall(self, lost: Iterable[LossCount]) -> None:
        """Add what was lost before ``whole_since``, counted in slots of ``SLOT_SECONDS``."""
        for kind in lost:
            if kind.outcome in COLUMNS:
                at = kind.slot * SLOT_SECONDS
                self._book.add(at, COLUMNS.index(kind.outcome), kind.count)

    def note(self, changed: Iterable[Total], now: float) -> None:
        """Count by how much these totals have grown."""
        for total in changed:
            grown = self._increase(total)
            if grown:
                column = "scheduled" if total.metric == totals.SCHEDULED else total.labels[4]
                self._book.add(now, COLUMNS.index(column), grown)
                if total.metric == totals.SCHEDULED or total.labels[4:6] != CANCELLED_ITSELF:
                    self._add_to_task(total.labels[:2], now, column, grown)

    def book(self, slots: int, now: float) -> list[Slot]:
        """The last ``slots`` of the book, oldest first; the last one is not over yet."""
        return self._book.last(slots, now)

    def task(self, service: str, task: str, now: float) -> list[Slot]:
        """The last hour of a task by minutes, oldest first; empty if nothing ever came.

        ``service`` and ``task`` as labels.
        """
        ring = self._tasks.get((service, task))
        return ring.last(MINUTES_OF_A_TASK, now) if ring else []

    def _add_to_task(self, labels: tuple[str, ...], now: float, column: str, count: int) -> None:
        service, task = labels
        ring = self._tasks.get((service, task))
        if ring is None:
            ring = self._tasks[service, task] = Ring(
                MINUTES_OF_A_TASK, MINUTE_SECONDS, TASK_COLUMNS
            )
        at = TASK_COLUMNS.index(column) if column in TASK_COLUMNS else _LOST
        ring.add(now, at, count)

    def _increase(self, total: Total) -> int:
        if total.metric not in {totals.SCHEDULED, totals.SETTLED}:
            return 0
        value = total.value
        if isinstance(value, tuple):  # a histogram under a counter's name would be a bug elsewhere
            return 0
        key = (total.metric, total.labels)
        before = self._values.get(key, 0.0)
        self._values[key] = value
        return int(value - before)

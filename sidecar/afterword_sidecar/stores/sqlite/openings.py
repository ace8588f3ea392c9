"""The log of openings: which rows a commit writes and which it drops. Pure; SQL is in ``log``.

A row is one commit's openings (at most ``page`` of them) and the keys it closed. Nothing is updated
in place; a row per task, deleted one by one, makes a sweep 3 to 6 times dearer at a million open.

What may be dropped. A row's opening is dead once its task closed or a later row holds a newer
version. A closing speaks of rows before its own: it is void when none is left. So

- a row without live openings and without closings goes at once, wherever it is;
- rows go from the oldest on for as long as they have no live opening: their closings are void.

The cleaner. Garbage is the bytes of dead openings and of closings. When it exceeds ``factor`` times
the live bytes plus ``slack_bytes``, or rows have grown so sparse that there are more than one for
each ``sparse`` live tasks, the oldest rows' survivors move into this commit's row. A commit with n
changes cleans at most ``page`` + ``effort`` n openings, so no commit stalls however many are open,
and since each change makes at most two pieces of garbage, cleaning (at ``effort`` = 4) outruns it:
the log stays within (1 + ``factor``) times the live bytes, plus the slack, plus a cycle's growth.

A plan changes nothing here; ``apply`` does, once the transaction that carried it out has committed.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from afterword_sidecar.ledger.records import OpenTask, TaskKey
from afterword_sidecar.stores.sqlite.interning import Interned
from afterword_sidecar.stores.sqlite.pages import decode_openings, encode_openings
from afterword_sidecar.stores.sqlite.places import Places

_CLOSING_BYTES: Final = 6
"""About what a closing takes in its row: enough to decide by, before it is encoded."""


class Cleaning(NamedTuple):
    """When the cleaner works, and how much at once."""

    page: int = 512
    """Openings in a row, at most."""
    factor: float = 1.0
    slack_bytes: int = 1 << 20
    sparse: int = 8
    slack_rows: int = 1_024
    effort: int = 4


class StoredRow(NamedTuple):
    """A row of the log as it stands in the database."""

    id: int
    openings: bytes
    closed: bytes


class _Row:
    """What is remembered of a row."""

    __slots__ = ("closes", "count", "each", "live", "marked", "plain", "size")

    def __init__(self, row: StoredRow, count: int) -> None:
        self.count = count
        self.live = count
        self.size = len(row.openings) + len(row.closed)
        self.each = len(row.openings) // count if count else 0
        self.closes = bool(row.closed)
        # The two places in this row: one object each for all its tasks.
        self.plain = row.id * 2
        self.marked = row.id * 2 + 1


class Plan:
    """What one commit does to the log. Made by ``Openings.plan``."""

    def __init__(self) -> None:
        self.written: list[StoredRow] = []
        self.dropped: list[int] = []
        self.erased: list[TaskKey] = []
        """Closed tasks whose payload is stored."""
        self.opened: dict[TaskKey, OpenTask] = {}
        """The net openings: last versions, without what the same commit closed."""
        self.closed: list[TaskKey] = []
        """The known ones among the closed keys."""
        self.carrying: set[TaskKey] = set()
        """Of the tasks written, those with a stored payload."""
        self.falls: dict[int, int] = {}
        """By row: how many of its openings die."""
        self.keys: list[Sequence[TaskKey]] = []
        """By written row: the keys in it."""


class Openings:
    """The open tasks as a log of rows. Holds places and counts, never the tasks themselves."""

    def __init__(self, cleaning: Cleaning | None = None) -> None:
        self._cleaning = cleaning or Cleaning()
        self._places = Places()
        self._rows: OrderedDict[int, _Row] = OrderedDict()
        self._next_id = 1
        self.stored_bytes = 0
        """Bytes of all rows."""
        self.live_bytes = 0
        """Bytes of the live openings among them (an opening counts its row's average)."""
        self._live = 0

    def replay(self, rows: Iterable[StoredRow], carrying: set[TaskKey]) -> list[OpenTask]:
        """Begin from the rows of the database, oldest first; returns the open tasks.

        ``carrying``: the keys of all stored payloads.
        """
        interned = Interned()
        tasks: dict[TaskKey, tuple[OpenTask, int]] = {}
        for row in rows:
            page = decode_openings(row.openings, interned)
            for task in page:
                tasks[(task.source.stream, task.sequence)] = (task, row.id)
            for key in _keys(row.closed):
                tasks.pop(key, None)
            self._add(row, len(page))
            self._fall(row.id, len(page))
        for key, (_, row_id) in tasks.items():
            known = self._rows[row_id]
            self._fall(row_id, -1)
            self._places.put(key, known.marked if key in carrying else known.plain)
        return [task for task, _ in tasks.values()]

    def plan(
        self,
        opened: Iterable[OpenTask],
        closed: Iterable[TaskKey],
        payloads: Mapping[TaskKey, str],
        read: Callable[[int], bytes],
    ) -> Plan:
        """How to bring the log up to date. ``read`` gives the openings of a row by its id."""
        plan = Plan()
        plan.opened = {(task.source.stream, task.sequence): task for task in opened}
        closings = self._plan_closings(plan, closed)
        self._plan_openings(plan, payloads)
        moved = self._clean(plan, read)
        if len(plan.dropped) == len(self._rows):
            closings = {}  # nothing is left that they could speak of
        self._lay_out(plan, {**plan.opened, **moved} if moved else plan.opened, closings)
        return plan

    def apply(self, plan: Plan) -> None:
        """The plan is committed: remember it."""
        for row_id, deaths in plan.falls.items():
            self._fall(row_id, deaths)
        for row_id in plan.dropped:
            row = self._rows.pop(row_id)
            self.stored_bytes -= row.size
            self.live_bytes -= row.live * row.each
            self._live -= row.live
        for key in plan.closed:
            self._places.remove(key)
        for written, keys in zip(plan.written, plan.keys, strict=True):
            row = self._add(written, len(keys))
            for key in keys:
                self._places.put(key, row.marked if key in plan.carrying else row.plain)

    def _plan_closings(self, plan: Plan, closed: Iterable[TaskKey]) -> dict[bytes, list[int]]:
        closings: dict[bytes, list[int]] = {}
        for key in dict.fromkeys(closed):
            plan.opened.pop(key, None)
            place = self._places.get(key)
            if place is None:
                continue
            plan.closed.append(key)
            plan.falls[place >> 1] = plan.falls.get(place >> 1, 0) + 1
            closings.setdefault(key[0], []).append(key[1])
            if place & 1:
                plan.erased.append(key)
        return closings

    def _plan_openings(self, plan: Plan, payloads: Mapping[TaskKey, str]) -> None:
        plan.carrying.update(key for key in payloads if key in plan.opened)
        for key in plan.opened:
            place = self._places.get(key)
            if place is not None:
                plan.falls[place >> 1] = plan.falls.get(place >> 1, 0) + 1
                if place & 1:
                    plan.carrying.add(key)

    def _clean(self, plan: Plan, read: Callable[[int], bytes]) -> dict[TaskKey, OpenTask]:
        """Drop what may be dropped; returns the survivors of the oldest rows that must move."""
        moved: dict[TaskKey, OpenTask] = {}
        falls = plan.falls
        budget = self._cleaning.page + self._cleaning.effort * (len(plan.opened) + len(plan.closed))
        # Openings are about as large as each other; to ask each row would miss the cache each time.
        dead = sum(falls.values()) * self.live_bytes // max(1, self._live)
        garbage = self.stored_bytes - self.live_bytes + dead + _CLOSING_BYTES * len(plan.closed)
        for row_id, row in self._rows.items():
            live = row.live - falls.get(row_id, 0)
            if live:
                if budget <= 0 or not self._dirty(garbage, len(self._rows) - len(plan.dropped)):
                    break
                budget -= row.count
                moved.update(self._survivors(row_id, read(row_id), plan))
            garbage -= row.size - live * row.each
            plan.dropped.append(row_id)
        oldest_kept = plan.dropped[-1] + 1 if plan.dropped else 0
        plan.dropped += [
            row_id
            for row_id, deaths in falls.items()
            if row_id >= oldest_kept
            and deaths == self._rows[row_id].live
            and not self._rows[row_id].closes
        ]
        return moved

    def _dirty(self, garbage: int, rows: int) -> bool:
        cleaning = self._cleaning
        return (
            garbage > cleaning.factor * self.live_bytes + cleaning.slack_bytes
            or rows > self._live // cleaning.sparse + cleaning.slack_rows
        )

    def _survivors(
        self, row_id: int, openings: bytes, plan: Plan
    ) -> Iterable[tuple[TaskKey, OpenTask]]:
        closed = set(plan.closed)
        for task in decode_openings(openings, Interned()):
            key = (task.source.stream, task.sequence)
            place = self._places.get(key)
            if place is None or place >> 1 != row_id or key in plan.opened or key in closed:
                continue
            if place & 1:
                plan.carrying.add(key)
            yield key, task

    def _lay_out(
        self, plan: Plan, tasks: Mapping[TaskKey, OpenTask], closings: dict[bytes, list[int]]
    ) -> None:
        keys, values, page = list(tasks), list(tasks.values()), self._cleaning.page
        closed = msgspec.msgpack.encode(closings) if closings else b""
        for number, start in enumerate(range(0, max(len(keys), bool(closed)), page)):
            openings = encode_openings(values[start : start + page])
            plan.written.append(StoredRow(self._next_id + number, openings, closed))
            plan.keys.append(keys[start : start + page])
            closed = b""

    def _add(self, row: StoredRow, count: int) -> _Row:
        added = self._rows[row.id] = _Row(row, count)
        self._next_id = row.id + 1
        self.stored_bytes += added.size
        self.live_bytes += count * added.each
        self._live += count
        return added

    def _fall(self, row_id: int, deaths: int) -> None:
        row = self._rows[row_id]
        row.live -= deaths
        self.live_bytes -= deaths * row.each
        self._live -= deaths


_decode_closed: Final = msgspec.msgpack.Decoder(dict[bytes, list[int]]).decode


def _keys(closed: bytes) -> list[TaskKey]:
    if not closed:
        return []
    return [(stream, each) for stream, of in _decode_closed(closed).items() for each in of]

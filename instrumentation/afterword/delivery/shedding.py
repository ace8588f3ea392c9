"""Shedding detail, never counts: long texts leave a record, and whole tasks become numbers. Pure.

Works on encoded records, as they lie in the buffer: while there is room, nothing is kept for it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from afterword import names
from afterword.evidence import Rollup, TaskKind
from afterword.otlp_json import encode

MOST_RANGES: Final = 3600
"""Beyond it another sum is begun. So many tasks more as are added at once, and it is still below
the 4096 ranges that a sidecar takes in one record."""
MOST_NUMBERS: Final = 9_000_000
"""The same for all its numbers: a sidecar takes 10,000,000 in one record. An hour without one, at a
thousand tasks a second, makes more."""
_ADDED_AT_ONCE: Final = 100

_LONG: Final = (
    names.PAYLOAD,
    names.EXCEPTION_STACKTRACE,
    names.EXCEPTION_MESSAGE,
    names.AWAITING,
)
_COUNT_BYTES: Final = 800
_RANGE_BYTES: Final = 140
_NUMBERS: Final = (names.OPENING_SEQUENCE, names.STARTED_SEQUENCE, names.SEQUENCE)


def without_detail(line: bytes, why: str) -> bytes:
    """The record without its payload and its long texts; ``why`` is told of the payload.

    The same bytes where there are none.
    """
    record = json.loads(line)
    keys = {each["key"] for each in record["attributes"]}
    if keys.isdisjoint(_LONG):
        return line
    kept = [each for each in record["attributes"] if each["key"] not in _LONG]
    if names.PAYLOAD in keys:
        kept.append({"key": names.PAYLOAD_OMITTED, "value": {"stringValue": why}})
    record["attributes"] = kept
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


class Alike(NamedTuple):
    """What tasks have in common that are counted together."""

    kind: TaskKind
    outcome: str
    reason: str


class Sum:
    """Tasks that were counted in place of being told, and all their sequence numbers."""

    def __init__(self) -> None:
        self._counts: Final[Counter[Alike]] = Counter()
        self._ranges: list[tuple[int, int]] = []
        self._numbers = 0
        self._at_ns = 0

    def __bool__(self) -> bool:
        return bool(self._counts)

    @property
    def is_full(self) -> bool:
        """Whether its numbers are so many, or lie so scattered, that no more should come."""
        return len(self._ranges) > MOST_RANGES or self._numbers > MOST_NUMBERS

    @property
    def size_bytes(self) -> int:
        """What it weighs in memory, about."""
        return _COUNT_BYTES * len(self._counts) + _RANGE_BYTES * len(self._ranges)

    def add(self, lines: list[bytes]) -> None:
        """Count tasks, each told by one line: a closing that its opening is folded into."""
        numbers: list[int] = []
        for record in json.loads(b"[%b]" % b",".join(lines)):
            told = _attributes(record)
            kind = TaskKind(told[names.NAME], told[names.PLATFORM], told[names.ORIGIN])
            self._counts[Alike(kind, told[names.OUTCOME], told[names.REASON])] += 1
            numbers += [int(told[key]) for key in _NUMBERS if key in told]
            self._at_ns = max(self._at_ns, int(record["timeUnixNano"]))
        self._numbers += len(numbers)
        single = [(number, number) for number in numbers]
        self._ranges = list(_merged(sorted(self._ranges + single)))

    def records(self) -> Iterator[Rollup]:
        """One for all tasks that were alike.

        A record's numbers need not be those of its own tasks: the records together stand for all
        numbers of all the tasks, each number in one record, and there are few ranges. One number is
        the record's own sequence; as every task has two or more, each record has enough for its
        count.
        """
        left = self._ranges[::-1]
        (*keys, last) = self._counts
        for key in keys:
            yield self._record(key, _taken(left, 2 * self._counts[key]))
        yield self._record(last, left[::-1])

    def _record(self, alike: Alike, ranges: list[tuple[int, int]]) -> Rollup:
        low, own = ranges[-1]
        others = ranges[:-1] if low == own else [*ranges[:-1], (low, own - 1)]
        count = self._counts[alike]
        return Rollup(own, self._at_ns, alike.kind, alike.outcome, alike.reason, count, (*others,))


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}


def _merged(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbours as one; of ascending ranges of positive numbers that do not overlap."""
    low, high = 0, -1
    for first, last in ranges:
        if first == high + 1:
            high = last
            continue
        if low:
            yield low, high
        low, high = first, last
    if low:
        yield low, high


def _taken(left: list[tuple[int, int]], numbers: int) -> list[tuple[int, int]]:
    """So many numbers, taken from the end of ``left``, which descends."""
    taken: list[tuple[int, int]] = []
    while numbers:
        low, high = left.pop()
        if high - low + 1 > numbers:
            left.append((low + numbers, high))
            high = low + numbers - 1
        taken.append((low, high))
        numbers -= high - low + 1
    return taken


class Rollups:
    """All that was counted and has not left."""

    def __init__(self) -> None:
        self._sums: list[Sum] = [Sum()]

    def __bool__(self) -> bool:
        return bool(self._sums[0])

    @property
    def size_bytes(self) -> int:
        """What it weighs in memory, about."""
        return sum(each.size_bytes for each in self._sums) if self else 0

    def add(self, lines: list[bytes]) -> None:
        """Count tasks; see ``Sum.add``."""
        for first in range(0, len(lines), _ADDED_AT_ONCE):
            if self._sums[-1].is_full:
                self._sums.append(Sum())
            self._sums[-1].add(lines[first : first + _ADDED_AT_ONCE])

    def take(self) -> list[bytes]:
        """The records of all of it as OTLP/JSON; then there is nothing."""
        taken, self._sums = self._sums, [Sum()]
        return [encode(record).encode() for each in taken if each for record in each.records()]

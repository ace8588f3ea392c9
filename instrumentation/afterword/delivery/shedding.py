"""Shedding detail, never counts: long texts leave a record, and whole tasks become numbers. Pure.

Works on encoded records, as they lie in the buffer: while there is room, nothing is kept for it.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from afterword import names
from afterword.evidence import Rollup, TaskKind
from afterword.otlp_json import encode

MOST_ALIKE: Final = 1000
"""Beyond it, tasks that are like none before are counted under ``_other``, as in the sidecar."""
MOST_RANGES: Final = 4000
"""In one record: a sidecar takes 4096."""
MOST_NUMBERS: Final = 9_000_000
"""In one record: a sidecar takes 10,000,000. An hour without one, at a thousand tasks a second,
makes more."""
_READ_AT_ONCE: Final = 100

_LONG: Final = (
    names.PAYLOAD,
    names.EXCEPTION_STACKTRACE,
    names.EXCEPTION_MESSAGE,
    names.AWAITING,
)
_COUNT_BYTES: Final = 800
_RANGE_BYTES: Final = 100
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


class Rollups:
    """Tasks that were counted in place of being told, all their sequence numbers; until it leaves.

    However long nothing leaves, it takes no more than so many kinds of tasks, and the gaps between
    the numbers: those of tasks that are open still.
    """

    def __init__(self) -> None:
        self._counts: Counter[Alike] = Counter()
        self._numbers = Numbers()
        self._at_ns = 0

    def __bool__(self) -> bool:
        return bool(self._counts)

    @property
    def size_bytes(self) -> int:
        """What it weighs in memory, about."""
        return _COUNT_BYTES * len(self._counts) + _RANGE_BYTES * self._numbers.ranges

    def add(self, lines: list[bytes]) -> None:
        """Count tasks, each told by one line: a closing that its opening is folded into."""
        for first in range(0, len(lines), _READ_AT_ONCE):
            self._add(lines[first : first + _READ_AT_ONCE])

    def _add(self, lines: list[bytes]) -> None:
        numbers: list[int] = []
        for record in json.loads(b"[%b]" % b",".join(lines)):
            told = _attributes(record)
            kind = TaskKind(told[names.NAME], told[names.PLATFORM], told[names.ORIGIN])
            self._count(Alike(kind, told[names.OUTCOME], told[names.REASON]))
            numbers += [int(told[key]) for key in _NUMBERS if key in told]
            self._at_ns = max(self._at_ns, int(record["timeUnixNano"]))
        self._numbers.add(numbers)

    def _count(self, alike: Alike) -> None:
        if alike not in self._counts and len(self._counts) >= MOST_ALIKE:
            alike = alike._replace(kind=alike.kind._replace(name=names.OTHER_NAME))
        self._counts[alike] += 1

    def take(self) -> list[bytes]:
        """The records of all of it as OTLP/JSON; then there is nothing."""
        taken = [encode(record).encode() for record in self._records()]
        self._counts, self._numbers, self._at_ns = Counter(), Numbers(), 0
        return taken

    def _records(self) -> Iterator[Rollup]:
        """One for all tasks that were alike, or several where a sidecar would refuse it.

        A record's numbers need not be those of its own tasks: the records together stand for all
        numbers of all the tasks, each number in one record, and there are few ranges. Each gets its
        share of them, two or more for each of its tasks, as every task has so many.
        """
        left, left_tasks = self._numbers.descending(), self._counts.total()
        left_numbers = self._numbers.count
        for alike, count in self._counts.items():
            share = left_numbers * count // left_tasks
            left_tasks, left_numbers = left_tasks - count, left_numbers - share
            while share:
                ranges, numbers = _taken(left, share)
                tasks = count * numbers // share
                count, share = count - tasks, share - numbers  # noqa: PLW2901 - what is left of it
                yield self._record(alike, tasks, ranges)

    def _record(self, alike: Alike, tasks: int, ranges: list[tuple[int, int]]) -> Rollup:
        """One number is the record's own, the others are its ranges."""
        low, own = ranges[-1]
        others = ranges[:-1] if low == own else [*ranges[:-1], (low, own - 1)]
        return Rollup(own, self._at_ns, alike.kind, alike.outcome, alike.reason, tasks, (*others,))


class Numbers:
    """Sequence numbers, each once, as ranges: ascending, and apart from one another."""

    def __init__(self) -> None:
        self._lows: Final[list[int]] = []
        self._highs: Final[list[int]] = []
        self.count = 0

    @property
    def ranges(self) -> int:
        """How many."""
        return len(self._lows)

    def add(self, numbers: list[int]) -> None:
        """Add numbers that are not there yet, in any order."""
        self.count += len(numbers)
        for low, high in _merged((number, number) for number in sorted(numbers)):
            self._add_range(low, high)

    def _add_range(self, low: int, high: int) -> None:
        lows, highs = self._lows, self._highs
        at = bisect_left(lows, low)
        follows = at > 0 and highs[at - 1] == low - 1
        leads = at < len(lows) and lows[at] == high + 1
        if follows and leads:
            del lows[at], highs[at - 1]
        elif follows:
            highs[at - 1] = high
        elif leads:
            lows[at] = low
        else:
            lows.insert(at, low)
            highs.insert(at, high)

    def descending(self) -> list[tuple[int, int]]:
        """The ranges, the last first."""
        return list(zip(self._lows, self._highs, strict=True))[::-1]


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


def _taken(left: list[tuple[int, int]], numbers: int) -> tuple[list[tuple[int, int]], int]:
    """So many numbers from the end of ``left``, which descends, or as many as one record takes.

    Then two are left at least, as fewer stand for no task. Also says how many they are.
    """
    most = min(numbers, MOST_NUMBERS)
    taken: list[tuple[int, int]] = []
    count = 0
    while count < most and len(taken) < MOST_RANGES:
        low, high = left.pop()
        if high - low + 1 > most - count:
            left.append((low + most - count, high))
            high = low + most - count - 1
        taken.append((low, high))
        count += high - low + 1
    if numbers - count == 1:
        low, high = taken.pop()
        left.append((high, high))
        count -= 1
        if low < high:
            taken.append((low, high - 1))
    return taken, count

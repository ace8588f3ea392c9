"""When to look at which task again: a wheel of one-second buckets.

A stale entry (of a task that has closed) costs its 16 bytes until its second comes; with deadlines
far beyond lifetimes that grew to 7.7 kB per open task. So a bucket is rebuilt when fewer than half
of its entries live. A look too many is harmless: whoever is woken asks the rules again.
"""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from math import ceil
from typing import Final, Generic, TypeVar

Owner = TypeVar("Owner")

_REBUILD_FROM: Final = 32
"""Smaller buckets are not worth rebuilding."""


class _Bucket(Generic[Owner]):
    __slots__ = ("entries", "live")

    def __init__(self) -> None:
        self.entries: list[tuple[Owner, int]] = []
        self.live = 0


class Wheel(Generic[Owner]):
    """Entries ``(owner, number)`` by the second at which they fall due."""

    __slots__ = ("_buckets", "_is_live", "_seconds")

    def __init__(self, is_live: Callable[[Owner, int], bool]) -> None:
        self._buckets: dict[int, _Bucket[Owner]] = {}
        self._seconds: list[int] = []
        self._is_live = is_live

    def add(self, at: float, owner: Owner, number: int) -> None:
        """Remember to look at ``(owner, number)`` no earlier than ``at`` (Unix seconds)."""
        second = ceil(at)
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = _Bucket()
            heappush(self._seconds, second)
        bucket.entries.append((owner, number))
        bucket.live += 1

    def discard(self, at: float) -> None:
        """One entry added for ``at`` is of no interest any more."""
        bucket = self._buckets.get(ceil(at))
        if bucket is None:
            return
        bucket.live -= 1
        size = len(bucket.entries)
        if size > _REBUILD_FROM and bucket.live * 2 < size:
            bucket.entries = [entry for entry in bucket.entries if self._is_live(*entry)]
            bucket.live = len(bucket.entries)

    def next_second(self) -> float | None:
        """The earliest second with an entry."""
        return self._seconds[0] if self._seconds else None

    def due(self, now: float) -> Iterator[tuple[Owner, int]]:
        """Take out what has fallen due by ``now``; some of it may have closed meanwhile."""
        while self._seconds and self._seconds[0] <= now:
            yield from self._buckets.pop(heappop(self._seconds)).entries

    def __len__(self) -> int:
        return sum(len(bucket.entries) for bucket in self._buckets.values())

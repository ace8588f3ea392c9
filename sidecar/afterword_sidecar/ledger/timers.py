"""When to look at which task again: a wheel of buckets, finer for what is near.

A look too many is harmless: whoever is woken asks the rules again. So what lies far ahead shares a
coarse bucket that comes up early and is then sorted into finer ones, which bounds the number of
buckets (some 700 for a week). Stale entries, of tasks that closed before their time, are the real
leak: with deadlines far beyond lifetimes a lazy wheel grew to 7.7 kB per open task. So a bucket is
rebuilt as soon as fewer than three quarters of its entries live: four steps a closing at most.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil
from typing import Final, Generic, TypeVar

Owner = TypeVar("Owner")

_GRAINS: Final = ((256.0, 1), (16_384.0, 64), (float("inf"), 4096))
"""(nearer than so many seconds, width of a bucket in seconds)."""
_REBUILD_FROM: Final = 8


class _Bucket(Generic[Owner]):
    """Two lists instead of one of pairs: 16 bytes an entry instead of 72."""

    __slots__ = ("live", "numbers", "owners")

    def __init__(self) -> None:
        self.owners: list[Owner] = []
        self.numbers: list[int] = []
        self.live = 0


class Wheel(Generic[Owner]):
    """Entries ``(owner, number)`` by the second at which to look at them."""

    __slots__ = ("_buckets", "_is_live", "_seconds")

    def __init__(self, is_live: Callable[[Owner, int, int], bool]) -> None:
        """``is_live(owner, number, second)``: whether an entry in that bucket is still wanted."""
        self._buckets: dict[int, _Bucket[Owner]] = {}
        self._seconds: list[int] = []
        self._is_live = is_live

    def add(self, at: float, owner: Owner, number: int, now: float) -> int:
        """Remember to look at the entry at about ``at``. Returns its bucket, for ``discard``."""
        distance = at - now
        grain = next(width for limit, width in _GRAINS if distance < limit)
        second = ceil(at) if grain == 1 else int(at) // grain * grain
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = _Bucket()
            heappush(self._seconds, second)
        bucket.owners.append(owner)
        bucket.numbers.append(number)
        bucket.live += 1
        return second

    def discard(self, second: int) -> None:
        """One entry of this bucket is of no interest any more."""
        bucket = self._buckets.get(second)
        if bucket is None:
            return
        bucket.live -= 1
        if len(bucket.numbers) >= _REBUILD_FROM and bucket.live * 4 < len(bucket.numbers) * 3:
            self._rebuild(bucket, second)

    def next_second(self) -> float | None:
        """The earliest second with a bucket."""
        return self._seconds[0] if self._seconds else None

    def take_due(self, now: float, at_most: int) -> list[tuple[Owner, int]]:
        """Take out what has come up by ``now``, no more than ``at_most`` entries.

        Some of it may have closed meanwhile. What is left comes with the next call.
        """
        taken: list[tuple[Owner, int]] = []
        while self._seconds and self._seconds[0] <= now and len(taken) < at_most:
            bucket = self._buckets[self._seconds[0]]
            first = max(0, len(bucket.numbers) - (at_most - len(taken)))
            taken += zip(bucket.owners[first:], bucket.numbers[first:], strict=True)
            del bucket.owners[first:], bucket.numbers[first:]
            bucket.live = first
            if not first:
                del self._buckets[heappop(self._seconds)]
        return taken

    def __len__(self) -> int:
        return sum(len(bucket.numbers) for bucket in self._buckets.values())

    def _rebuild(self, bucket: _Bucket[Owner], second: int) -> None:
        live = [
            entry
            for entry in zip(bucket.owners, bucket.numbers, strict=True)
            if self._is_live(*entry, second)
        ]
        bucket.owners = [owner for owner, _ in live]
        bucket.numbers = [number for _, number in live]
        bucket.live = len(live)

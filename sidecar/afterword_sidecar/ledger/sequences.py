"""Which sequence numbers of a stream have been seen: the highest, and the holes up to it.

A number seen before is ignored for ever, so redelivery is harmless however late it comes.
"""

from bisect import bisect_right
from itertools import accumulate

Ranges = tuple[tuple[int, int], ...]


class SequenceSet:
    """The numbers 1 .. ``highest`` without ``holes``. O(1) in order, O(log holes) otherwise."""

    __slots__ = ("_below", "_known", "filled", "highest", "holes")

    def __init__(self, highest: int = 0, holes: Ranges = ()) -> None:
        self.highest = highest
        self._known = 0
        self.filled = 0
        """How many numbers have come since ``begin`` that were missing before it."""
        self.holes: list[tuple[int, int]] = list(holes)
        """Inclusive ranges, ascending, disjoint, none beyond ``highest``."""
        self._below: list[int] | None = None
        """How many numbers are missing in the holes before each; None when they have changed."""

    def begin(self) -> None:
        """Count anew what comes of what is missing by now."""
        self._known = self.highest if self.holes else 0
        self.filled = 0

    def see(self, number: int) -> bool:
        """Take note of ``number``. Returns False if it was seen before."""
        highest = self.highest
        if number == highest + 1:
            self.highest = number
            return True
        if number > highest:
            self._miss(number - 1)
            self.highest = number
            return True
        return bool(self.holes) and self._fill(number)

    def expect(self, number: int) -> None:
        """Numbers up to this one were given: those not seen are missing."""
        if number > self.highest:
            self._miss(number)
            self.highest = number

    def see_range(self, low: int, high: int) -> int:
        """Take note of ``low .. high``. Returns how many of them were new."""
        if high < low:
            return 0
        new = 0
        if high > self.highest:
            first = max(low, self.highest + 1)
            if first > self.highest + 1:
                self._miss(first - 1)
            new += high - first + 1
            self.highest = high
            high = first - 1
        first_hole = self._first_reaching(low)
        after = bisect_right(self.holes, (high, self.highest), first_hole)
        kept: list[tuple[int, int]] = []
        for start, end in self.holes[first_hole:after]:
            new += min(end, high) - max(start, low) + 1
            self.filled += max(0, min(end, high, self._known) - max(start, low) + 1)
            kept.extend(part for part in ((start, low - 1), (high + 1, end)) if part[0] <= part[1])
        self.holes[first_hole:after] = kept
        self._below = None
        return new

    def __contains__(self, number: int) -> bool:
        if number > self.highest or number < 1:
            return False
        index = bisect_right(self.holes, (number, self.highest)) - 1
        return index < 0 or self.holes[index][1] < number

    def missing(self, low: int = 1, high: int | None = None) -> int:
        """How many numbers of ``low .. high`` lie in holes.

        O(log holes) while the holes stay as they are: very many tasks are judged beside them.
        """
        holes = self.holes
        high = self.highest if high is None else high
        first = self._first_reaching(low)
        after = bisect_right(holes, (high, self.highest))
        if first >= after or high < low:
            return 0
        below = self._below
        if below is None:
            below = self._below = [0, *accumulate(end - start + 1 for start, end in holes)]
        whole = below[after] - below[first]
        return whole - max(0, low - holes[first][0]) - max(0, holes[after - 1][1] - high)

    def missing_after(self, number: int) -> tuple[int, int]:
        """The first and the last number that is missing after this one; (0, 0) if none is."""
        first = self._first_reaching(number + 1)
        if first == len(self.holes):
            return 0, 0
        return max(number + 1, self.holes[first][0]), self.holes[-1][1]

    def _first_reaching(self, number: int) -> int:
        """The index of the first hole that ends at this number or beyond."""
        before = bisect_right(self.holes, (number, self.highest)) - 1
        return before if before >= 0 and self.holes[before][1] >= number else before + 1

    def close_oldest(self, keep: int, given_up_below: int = 0) -> int:
        """Forget all but the ``keep`` newest ranges, as if seen.

        Returns how many numbers went that were not given up before.
        """
        excess = len(self.holes) - keep
        if excess <= 0:
            return 0
        forgotten = sum(
            max(0, end - max(start, given_up_below) + 1) for start, end in self.holes[:excess]
        )
        del self.holes[:excess]
        self._below = None
        return forgotten

    def _miss(self, last: int) -> None:
        """All beyond the highest and up to this one is missing; one range with what is before."""
        first = self.highest + 1
        if self.holes and self.holes[-1][1] == self.highest:
            first, _ = self.holes.pop()
        self.holes.append((first, last))
        self._below = None

    def _fill(self, number: int) -> bool:
        index = bisect_right(self.holes, (number, self.highest)) - 1
        if index < 0:
            return False
        start, end = self.holes[index]
        if number > end:
            return False
        self.filled += number <= self._known
        parts = [part for part in ((start, number - 1), (number + 1, end)) if part[0] <= part[1]]
        self.holes[index : index + 1] = parts
        self._below = None
        return True

"""Which numbers of a stream have been heard: runs of them, ascending."""

from bisect import bisect_right


class Numbers:
    """Disjoint runs ``[first, last]``, none touching the next."""

    __slots__ = ("_firsts", "_given", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._given = 0

    @property
    def _last(self) -> int:
        return self._lasts[-1] if self._lasts else 0

    @property
    def highest(self) -> int:
        """The highest heard, or known to have been given; 0 for none."""
        return max(self._last, self._given)

    @property
    def gaps(self) -> int:
        """How many separate ranges up to the highest were not heard."""
        before = len(self._firsts) - (1 if self._firsts[:1] == [1] else 0)
        return before + (1 if self._given > self._last else 0)

    def give(self, number: int) -> None:
        """Numbers up to this one were given, heard or not."""
        self._given = max(self._given, number)

    def __contains__(self, number: int) -> bool:
        run = bisect_right(self._firsts, number) - 1
        return run >= 0 and number <= self._lasts[run]

    def add(self, first: int, last: int | None = None) -> bool:
        """Hear ``first`` to ``last`` (or one number). False if all of it was heard before."""
        last = first if last is None else last
        if last < first:
            return False
        if self._lasts and first == self._lasts[-1] + 1:  # nearly always
            self._lasts[-1] = last
            return True
        left = bisect_right(self._firsts, first) - 1
        if left >= 0 and self._lasts[left] >= last:
            return False
        begin = left if left >= 0 and self._lasts[left] >= first - 1 else left + 1
        end = bisect_right(self._firsts, last + 1)
        if begin < end:
            first = min(first, self._firsts[begin])
            last = max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]
        return True

    def unheard(self, first: int, last: int) -> int:
        """How many numbers from ``first`` to ``last`` were not heard."""
        runs = zip(self._firsts, self._lasts, strict=True)
        heard = sum(max(0, min(high, last) - max(low, first) + 1) for low, high in runs)
        return max(0, last - first + 1) - heard

    def unbroken(self, first: int, last: int) -> bool:
        """Whether every number from ``first`` to ``last`` was heard."""
        run = bisect_right(self._firsts, first) - 1
        return run >= 0 and first <= self._lasts[run] >= last

    def gap_after(self, number: int) -> bool:
        """Whether a number above this one, and below the highest, was not heard."""
        return self._last_missing() > number

    def missing_after(self, number: int) -> tuple[int, int, int]:
        """(first, last, how many) of those not heard above this one."""
        last = self._last_missing()
        run = bisect_right(self._firsts, number + 1) - 1
        first = number + 1
        if run >= 0 and self._lasts[run] >= first:
            first = self._lasts[run] + 1
        runs = zip(self._firsts, self._lasts, strict=True)
        heard = sum(high - low + 1 for low, high in runs if first <= low and high <= last)
        return first, last, last - first + 1 - heard

    def _last_missing(self) -> int:
        if self._given > self._last:
            return self._given
        return self._firsts[-1] - 1 if self._firsts else 0

    def forget_gaps(self, keep: int) -> None:
        """Take all but the ``keep`` newest gaps as heard."""
        excess = self.gaps - keep
        if excess > 0:
            runs = excess + (1 if self._firsts[0] == 1 else 0)
            self._firsts[:runs], self._lasts[:runs] = [1], [self._lasts[runs - 1]]

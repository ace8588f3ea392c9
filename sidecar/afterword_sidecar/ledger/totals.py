"""The book's counters and histograms. They count pronouncements, and never fall.

What ``Totals.values`` holds is the book as of the last ``drain``: one version, whole.
"""

from bisect import bisect_left
from typing import Final

from afterword import names
from afterword_sidecar.ledger.records import Series, Total

SCHEDULED: Final = "scheduled"
SETTLED: Final = "settled"
AMENDED: Final = "amended"
DURATION: Final = "duration"
START_DELAY: Final = "start_delay"
BUDGET_USED: Final = "budget_used"
EVIDENCE_LOST: Final = "evidence_lost"
EVIDENCE_RECOVERED: Final = "evidence_recovered"
EVIDENCE_REJECTED: Final = "evidence_rejected"
CLOSINGS_LOST: Final = "closings_lost"
STREAMS_UNTOLD: Final = "streams_untold"
LABEL_OVERFLOW: Final = "label_overflow"
BURIED: Final = "dead_letters_buried"

DURATION_BOUNDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    *(10.0, 30.0, 60.0, 120.0, 300.0, 900.0),
)
START_DELAY_BOUNDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0)
BUDGET_USED_BOUNDS: Final = (0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.25)
BOUNDS: Final = {
    DURATION: DURATION_BOUNDS,
    START_DELAY: START_DELAY_BOUNDS,
    BUDGET_USED: BUDGET_USED_BOUNDS,
}
"""Upper bounds of the buckets (``le``), by metric; a last bucket, +Inf, follows."""

LabelValues = tuple[str, ...]


class Counter:
    """A number that only grows. ``dirty`` while its new value has not been drained."""

    __slots__ = ("created", "dirty", "labels", "metric", "value")

    def __init__(
        self, metric: str, labels: LabelValues, created: float, value: float = 0.0
    ) -> None:
        self.metric = metric
        self.labels = labels
        self.created = created
        self.value = value
        self.dirty = False

    def frozen(self) -> Total:
        """Its value now."""
        return Total(self.metric, self.labels, self.value, self.created)


class Histogram:
    """Bucket counts (not cumulative) and the sum of what was observed."""

    __slots__ = ("bounds", "counts", "created", "dirty", "labels", "metric", "sum")

    def __init__(self, metric: str, labels: LabelValues, created: float) -> None:
        self.metric = metric
        self.labels = labels
        self.created = created
        self.bounds = BOUNDS[metric]
        self.counts = [0.0] * (len(self.bounds) + 1)
        self.sum = 0.0
        self.dirty = False

    def frozen(self) -> Total:
        """Its buckets and sum now."""
        return Total(self.metric, self.labels, (*self.counts, self.sum), self.created)


class Account:
    """What is counted for one series."""

    __slots__ = ("histograms", "in_flight", "oldest", "scheduled", "series", "settled")

    def __init__(self, series: Series, scheduled: Counter) -> None:
        self.series = series
        self.scheduled = scheduled
        self.settled: dict[tuple[str, str, str], Counter] = {}
        self.histograms: dict[str, Histogram] = {}
        """By metric; shared with other series of the same service and task."""
        self.in_flight = 0
        self.oldest: dict[int, int] = {}
        """Open tasks by the second in which they were scheduled: the least key is the oldest."""


class Totals:
    """All counters, by series and by service; and which of them changed since the last drain."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, LabelValues], Total] = {}
        self.accounts: dict[Series, Account] = {}
        self._counters: dict[tuple[str, LabelValues], Counter] = {}
        self._histograms: dict[tuple[str, LabelValues], Histogram] = {}
        self._dirty: list[Counter | Histogram] = []

    def restore(self, saved: list[Total]) -> None:
        """Take up the values a store has kept."""
        for total in saved:
            key = (total.metric, total.labels)
            self.values[key] = total
            if isinstance(total.value, tuple):
                histogram = Histogram(total.metric, total.labels, total.created)
                if len(total.value) == len(histogram.counts) + 1:  # else: bounds have changed
                    histogram.counts = list(total.value[:-1])
                    histogram.sum = total.value[-1]
                self._histograms[key] = histogram
            else:
                self._counters[key] = Counter(
                    total.metric, total.labels, total.created, total.value
                )

    def account(self, series: Series, now: float) -> Account:
        """The account of a series, opened at first use."""
        account = self.accounts.get(series)
        if account is None:
            labels = series.labels
            scheduled = self._counter(SCHEDULED, labels, now)
            account = self.accounts[series] = Account(series, scheduled)
        return account

    def schedule(self, account: Account, count: int = 1) -> None:
        """``count`` tasks were handed over."""
        account.in_flight += count
        self._add(account.scheduled, count)

    def settle(
        self, account: Account, key: tuple[str, str, str], now: float, count: int = 1
    ) -> None:
        """``count`` tasks were closed with ``key`` = (outcome, reason, basis)."""
        account.in_flight -= count
        self._pronounce(account, key, now, count)

    def amend(
        self,
        account: Account,
        before: tuple[str, str],
        after: tuple[str, str, str],
        now: float,
    ) -> None:
        """A task pronounced ``before`` = (outcome, reason) turned out to be ``after``."""
        self._pronounce(account, after, now, 1)
        labels = (*account.scheduled.labels, *before, after[0], after[1])
        self._add(self._counter(AMENDED, labels, now), 1)

    def add(self, metric: str, labels: LabelValues, now: float, count: int = 1) -> None:
        """Count something that is not a task's outcome."""
        if count:
            self._add(self._counter(metric, labels, now), count)

    def observe(self, metric: str, account: Account, value: float, now: float) -> None:
        """Put ``value`` (seconds, or a ratio) into a histogram of the task."""
        histogram = account.histograms.get(metric)
        if histogram is None:
            labels = (account.series.service, account.series.task)
            histogram = self._histograms.setdefault(
                (metric, labels), Histogram(metric, labels, now)
            )
            account.histograms[metric] = histogram
        histogram.counts[bisect_left(histogram.bounds, value)] += 1
        histogram.sum += value
        if not histogram.dirty:
            histogram.dirty = True
            self._dirty.append(histogram)

    def drain(self) -> list[Total]:
        """New values of all that changed since the last drain."""
        changed = [series.frozen() for series in self._dirty]
        for series, total in zip(self._dirty, changed, strict=True):
            series.dirty = False
            self.values[total.metric, total.labels] = total
        self._dirty.clear()
        return changed

    def _pronounce(
        self, account: Account, key: tuple[str, str, str], now: float, count: int
    ) -> None:
        counter = account.settled.get(key)
        if counter is None:
            labels = (*account.scheduled.labels, *key)
            counter = account.settled[key] = self._counter(SETTLED, labels, now)
        self._add(counter, count)

    def _counter(self, metric: str, labels: LabelValues, now: float) -> Counter:
        key = (metric, labels)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = Counter(metric, labels, now)
        return counter

    def _add(self, counter: Counter, count: int) -> None:
        counter.value += count
        if not counter.dirty:
            counter.dirty = True
            self._dirty.append(counter)


def possible_settlements() -> tuple[tuple[str, str, str], ...]:
    """Every (outcome, reason, basis) a verdict can have: what a new series is zero-filled with."""
    told = {
        (names.COMPLETED, "completed"),
        (names.TIMED_OUT, "timeout"),
        (names.TIMED_OUT, "raised"),
        (names.FAILED, "exception"),
        (names.CANCELLED, "cancelled"),
        (names.CANCELLED, "disconnected"),
        (names.DROPPED, "no_context"),
        (names.DROPPED, "refused"),
        (names.DROPPED, "skipped"),
        (names.DROPPED, "abandoned"),
        (names.DROPPED, "shutdown"),
        (names.UNKNOWN, "span_unset"),
    }
    inferred = {
        (names.UNKNOWN, "evidence_lost"),
        (names.DROPPED, "never_started"),
        (names.DROPPED, "shutdown"),
        (names.TIMED_OUT, "platform_deadline"),
        (names.DROPPED, "instance_lost"),
        (names.DROPPED, "expired"),
    }
    return (
        *((*pair, names.OBSERVED) for pair in sorted(told)),
        *((*pair, basis) for pair in sorted(inferred) for basis in (names.PROVEN, names.INFERRED)),
    )

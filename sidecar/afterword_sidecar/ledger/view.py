"""What the book shows of itself: one version of it, for a scrape."""

import msgspec

from afterword_sidecar.ledger.letters import Letters
from afterword_sidecar.ledger.records import Total
from afterword_sidecar.ledger.registry import Registry
from afterword_sidecar.ledger.totals import Totals

SeriesLabels = tuple[str, str, str, str]
"""(service, task, platform, origin)."""


class View(msgspec.Struct, frozen=True):
    """The book's numbers as of one drain; they balance, per series."""

    totals: dict[tuple[str, tuple[str, ...]], Total] = {}
    """By (metric, labels); see ``totals``."""
    series_created: dict[SeriesLabels, float] = {}
    """Every known series, with the sidecar's clock when it was first seen."""
    in_flight: dict[SeriesLabels, int] = {}
    oldest_in_flight: dict[tuple[str, str], float] = {}
    """(service, task) -> when its oldest open task was scheduled, Unix seconds, to the second."""
    holes: dict[str, int] = {}
    """Service -> sequence numbers missing right now."""
    dead_letters_open: dict[tuple[str, str, str], int] = {}
    """(service, task, outcome) -> dead letters that wait for somebody."""
    streams_live: int = 0
    streams_ended: int = 0
    open_tasks: int = 0


def view_of(counted: Totals, registry: Registry, letters: Letters) -> View:
    """What these hold now, copied."""
    accounts = {a.series.labels: a for a in counted.accounts.values()}
    oldest: dict[tuple[str, str], float] = {}
    for labels, account in accounts.items():
        if account.oldest:
            second = float(min(account.oldest))
            oldest[labels[:2]] = min(second, oldest.get(labels[:2], second))
    return View(
        totals=counted.values.copy(),
        series_created={labels: a.scheduled.created for labels, a in accounts.items()},
        in_flight={labels: a.in_flight for labels, a in accounts.items()},
        oldest_in_flight=oldest,
        holes=registry.holes.copy(),
        dead_letters_open=letters.open_counts.copy(),
        streams_live=len(registry.streams) - registry.ended,
        streams_ended=registry.ended,
        open_tasks=sum(a.in_flight for a in accounts.values()),
    )

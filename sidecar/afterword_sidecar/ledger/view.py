"""What the book shows of itself: one version of it, for a scrape."""

import msgspec

from afterword_sidecar.ledger.records import Total

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

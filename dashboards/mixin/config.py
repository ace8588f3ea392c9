"""The objective, and every threshold of a panel or an alert. Then: ``make dashboards``."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Burn:
    """An alert fires while both windows burn the error budget ``factor`` times too fast.

    The long window says that it matters, the short one that it still goes on. Factors and windows
    are those of Google's SRE workbook; over a budget of seven days they mean that it would be gone
    after 12 hours, 28 hours, 56 hours and 7 days.
    """

    long: str
    short: str
    factor: float
    severity: str
    lasting: str
    """How long both must hold (``for``), half of the short window."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that can be set."""

    job: str = "afterword"
    """The scrape job of the sidecars."""
    page: str = "http://localhost:9464"
    """Where a browser reaches the sidecar's page; a variable of the Task dashboard, too."""
    runbooks: str = "https://github.com/afterword/afterword/blob/main/docs/runbooks.md"

    step: str = "5m"
    """What longer windows add up. At least four scrapes."""
    objective: float = 0.99
    """The share of tasks that complete, of those judged."""
    period: str = "7d"
    """What the objective is over. Prometheus keeps 15 days unless told otherwise."""
    burns: tuple[Burn, ...] = (
        Burn("1h", "5m", 14.4, "critical", "2m"),
        Burn("6h", "30m", 6.0, "critical", "15m"),
        Burn("1d", "2h", 3.0, "warning", "1h"),
        Burn("3d", "6h", 1.0, "warning", "3h"),
    )
    least_missed: int = 10
    """Fewer tasks than this in the long window burn no budget: one failure an hour on a quiet
    service is a share of 100 %, and wakes nobody."""

    outage_bridged: str = "6h"
    """What was counted while sidecar or Prometheus were away for up to so long is seen when both
    are back."""
    clocks_apart_seconds: int = 60
    """So much, and the time between two scrapes, a sidecar's clock may be behind Prometheus's."""

    timeouts_window: str = "1h"
    timeouts_before: str = "1d"
    timeouts_factor: float = 2.0
    """The share of time-outs in the window, over that in the time before it."""
    timeouts_least: int = 10
    timeouts_least_share: float = 0.01

    budget_window: str = "1h"
    budget_used: float = 0.8
    """A task that used more of its time until the platform's deadline came close to it. One of the
    histogram's bounds."""
    budget_share: float = 0.05
    budget_least: int = 5

    oldest_seconds: int = 900
    """A task in flight for longer is stuck, or never told its end."""
    holes_lasting: str = "3m"
    """Longer than what is out of order or late takes to come, and well under the ten minutes after
    which the sidecar gives a hole up: then there is none any more."""
    letters_window: str = "6h"
    letters_buried: int = 25
    """So many new dead letters of one task in the window pile up."""
    evidence_window: str = "10m"
    """Records given up or rejected within it are told."""
    behind_seconds: int = 120
    """The spool is read so late."""
    commit_seconds: float = 0.5
    """A commit that takes longer makes clients wait."""


CONFIG: Final = Config()

"""Which labels a task is counted under: its own, or ``_other`` beyond a bound.

A client can make up a million task names; each would be a dozen series in every scrape for ever.
Names are served first come and stay as they were first counted (sticky), so a series never moves.
"""

from typing import Final

from afterword import names
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Series

OTHER: Final = "_other"
_PLATFORMS: Final = 32
"""Distinct platforms that keep their names; there are about five in the world."""


class Labels:
    """Hands out one ``Series`` per (service, task, platform, origin), within the limits."""

    __slots__ = ("_limits", "_platforms", "_series", "_tasks")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._series: dict[tuple[str, str, str, str], Series] = {}
        self._tasks: dict[str, set[str]] = {}
        self._platforms: set[str] = set()

    def series(self, service: str, task: str, platform: str, origin: str) -> Series:
        """The labels for these names; the same object every time."""
        found = self._series.get((service, task, platform, origin))
        return found or self._admit(service, task, platform, origin)

    def _admit(self, service: str, task: str, platform: str, origin: str) -> Series:
        full = len(self._series) >= self._limits.series_in_all
        service = self.service(service, full=full)
        tasks = self._tasks.setdefault(service, set())
        if task not in tasks and (full or len(tasks) >= self._limits.tasks_per_service):
            task = OTHER
        if platform not in self._platforms and len(self._platforms) >= _PLATFORMS:
            platform = OTHER
        self._platforms.add(platform)
        if origin not in {names.ORIGIN_APP, names.ORIGIN_REPLAY}:
            origin = OTHER
        # Past the cap the caller's own spelling is not remembered: a million names cost nothing.
        return self.keep(service, task, platform, origin)

    def keep(self, service: str, task: str, platform: str, origin: str) -> Series:
        """These very labels, past any limit: they were given out before the book was closed."""
        if OTHER not in {service, task}:
            self._tasks.setdefault(service, set()).add(task)
        self._platforms.add(platform)
        labels = (service, task, platform, origin)
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = Series(*labels)
        return series

    def service(self, service: str, *, full: bool = False) -> str:
        """The label for a service; the same every time."""
        if service in self._tasks:
            return service
        if full or len(self._tasks) - (OTHER in self._tasks) >= self._limits.services:
            return OTHER
        self._tasks[service] = set()
        return service

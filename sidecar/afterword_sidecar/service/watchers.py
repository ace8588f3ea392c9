"""Those who watch the book: told of each commit, and never able to cost the book anything."""

import logging
from collections.abc import Callable

from afterword_sidecar.ledger.records import Changes
from afterword_sidecar.service.stats import ServiceStats

log = logging.getLogger(__name__)


class Watchers:
    """They are called after a commit and before its acknowledgement."""

    def __init__(self, stats: ServiceStats) -> None:
        self._stats = stats
        self._watching: list[Callable[[Changes], None]] = []
        self._failed: set[int] = set()
        """Numbers of those whose first exception is in the log; further ones are counted."""

    def add(self, watcher: Callable[[Changes], None]) -> None:
        """Tell ``watcher`` too, from now on."""
        self._watching.append(watcher)

    def tell(self, changes: Changes) -> None:
        """Tell everyone what has become true, whoever among them fails."""
        for number, watcher in enumerate(self._watching):
            try:
                watcher(changes)
            except Exception:
                # A history or an upstream with a bug is not what it should be. The evidence is
                # durable all the same, and its senders must hear of it.
                self._stats.internal_errors += 1
                if number not in self._failed:
                    self._failed.add(number)
                    log.exception("one who watches the book failed (further times are counted)")

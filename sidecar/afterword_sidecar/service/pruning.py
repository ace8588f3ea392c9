"""Retention of dead letters: the store takes the old ones, the book is told of it."""

import logging
from collections.abc import Callable

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.service.stats import ServiceStats
from afterword_sidecar.service.store_thread import StoreThread
from afterword_sidecar.stores.contract import Retention

log = logging.getLogger(__name__)


class Pruning:
    """Prunes every so often; without a ``retention`` never."""

    def __init__(
        self,
        store: StoreThread,
        stats: ServiceStats,
        retention: Retention | None,
        *,
        interval_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._stats = stats
        self._retention = retention
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._next_at = clock()

    async def prune(self, book: Book) -> bool:
        """Prune if it is time; True if the book learnt of it and has changes to commit.

        A store that fails to prune has lost nothing: it is tried again next time.
        """
        now = self._clock()
        if self._retention is None or 0 <= self._next_at - now <= self._interval_seconds:
            return False
        self._next_at = now + self._interval_seconds
        retention = self._retention
        try:
            pruned = await self._store.run(lambda store: store.prune(retention, now))
        except Exception:
            self._stats.internal_errors += 1
            log.exception("old dead letters could not be pruned; trying again later")
            return False
        if not pruned.keys:
            return False
        book.forget_dead_letters(pruned.keys, pruned.by_labels)
        return True

"""Making changes durable, however often it takes, and saying meanwhile that the store fails."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from afterword_sidecar.ledger.records import Changes
from afterword_sidecar.service.pace import Pace
from afterword_sidecar.service.refusals import StoreUnavailable
from afterword_sidecar.service.stats import ServiceStats
from afterword_sidecar.service.store_thread import StoreThread
from afterword_sidecar.stores.contract import StoreError

log = logging.getLogger(__name__)


class Committing:
    """Commits one set of changes after another; never gives one up but for a stop."""

    def __init__(
        self,
        store: StoreThread,
        stats: ServiceStats,
        pace: Pace,
        clock: Callable[[], float],
        stop_asked: asyncio.Event,
    ) -> None:
        self._store = store
        self._stats = stats
        self._pace = pace
        self._clock = clock
        self._stop_asked = stop_asked
        self._give_up_at: float | None = None

    def unavailable(self) -> StoreUnavailable:
        """The refusal while the store fails."""
        return StoreUnavailable(
            f"evidence cannot be stored: {self._stats.store_error}",
            retry_after_seconds=self._pace.longest_retry_seconds,
        )

    async def commit(self, changes: Changes, failing: Callable[[], None]) -> bool:
        """Commit ``changes``, trying again until they are there.

        ``failing`` is called after the first failure, for those who wait. False only if the sidecar
        is to stop and the store did not recover within ``stop_seconds``: nothing was acknowledged.
        """
        pause_seconds = self._pace.first_retry_seconds
        while not await self._tried(changes):
            failing()
            if not await self._may_try_again(pause_seconds):
                log.error("stopping with changes that could not be stored: nobody was told of them")
                return False
            pause_seconds = min(2 * pause_seconds, self._pace.longest_retry_seconds)
        if self._stats.store_failing_since is not None:
            log.warning("the store works again")
            self._stats.store_failing_since = None
        return True

    async def _tried(self, changes: Changes) -> bool:
        begun = time.perf_counter()
        try:
            await self._store.run(lambda store: store.commit(changes))
        except Exception as error:
            # Not only StoreError: whatever keeps changes out of the store, they are not durable.
            self._stats.commits_failed += 1
            self._stats.store_error = str(error) or type(error).__name__
            if self._stats.store_failing_since is None:
                self._stats.store_failing_since = self._clock()
                # What a store says of itself is a sentence; anything else is a bug of ours.
                trace = None if isinstance(error, StoreError) else error
                log.log(
                    logging.ERROR,
                    "a commit failed, evidence is refused until one succeeds: %s",
                    self._stats.store_error,
                    exc_info=trace,
                )
            return False
        self._stats.committed(time.perf_counter() - begun)
        return True

    async def _may_try_again(self, pause_seconds: float) -> bool:
        """Pause; a stop cuts it short, and allows ``stop_seconds`` more in all."""
        if not self._stop_asked.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds):
                    await self._stop_asked.wait()
            return True
        now = asyncio.get_running_loop().time()
        if self._give_up_at is None:
            self._give_up_at = now + self._pace.stop_seconds
        await asyncio.sleep(self._pace.first_retry_seconds)
        return now < self._give_up_at

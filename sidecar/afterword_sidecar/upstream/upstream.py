"""Everything that goes on to the user's own backend: what passes by, verdicts, missing spans."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from afterword_sidecar.ledger.records import SettledTask
from afterword_sidecar.upstream.answers import Patience
from afterword_sidecar.upstream.delivering import Delivering
from afterword_sidecar.upstream.destinations import SIGNALS, Destinations, Signal
from afterword_sidecar.upstream.lane import Lane
from afterword_sidecar.upstream.losses import Losses, OnStore
from afterword_sidecar.upstream.others import Others
from afterword_sidecar.upstream.requests import Request
from afterword_sidecar.upstream.stats import LOOP, UpstreamStats
from afterword_sidecar.upstream.telling import Telling
from afterword_sidecar.upstream.transport import open_transport

log = logging.getLogger(__name__)


class Upstream:
    """Made and used on one running event loop. Nothing here blocks or fails who calls it."""

    def __init__(
        self,
        destinations: Destinations,
        on_store: OnStore,
        *,
        book_id: str,
        telling: Telling,
        queue_bytes: int,
        patience: Patience | None = None,
    ) -> None:
        """``queue_bytes``: what may wait of each signal. Raises ``OSError`` for certificates."""
        self.stats = UpstreamStats()
        self._stopping = asyncio.Event()
        self._book_id = book_id
        self._delivering: dict[Signal, Delivering] = {}
        for signal in SIGNALS:
            destination = destinations.of(signal)
            if destination is not None:
                self._delivering[signal] = Delivering(
                    signal,
                    open_transport(signal, destination, book_id),
                    self.stats,
                    patience or Patience(),
                    self._stopping,
                )
        self._lanes = {
            signal: Lane(delivering, self.stats, queue_bytes)
            for signal, delivering in self._delivering.items()
        }
        self._others = Others(
            telling, self._lanes.get("logs"), self._lanes.get("traces"), self.stats
        )
        self._losses = Losses(
            on_store,
            telling,
            self._delivering.get("logs"),
            self._delivering.get("traces"),
            self.stats,
            self._stopping,
        )
        self._publishing: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to send; first of all what the last run could not."""
        for lane in self._lanes.values():
            lane.start()
        if "logs" in self._lanes or "traces" in self._lanes:
            self._publishing = [
                asyncio.create_task(self._losses.publish(), name="afterword-losses"),
                asyncio.create_task(self._others.publish(), name="afterword-verdicts"),
            ]
            for task in self._publishing:
                task.add_done_callback(self._died)

    async def stop(self, within_seconds: float) -> None:
        """Send what waits, as far as that goes in time; losses that do not wait in the store."""
        self._stopping.set()
        self._losses.wake()
        self._others.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._empty()
        for task in self._publishing:
            task.cancel()
        await asyncio.gather(*self._publishing, return_exceptions=True)
        for lane in self._lanes.values():
            await lane.stop()

    def pass_on(self, request: Request, forwarded_by: str) -> None:
        """Queue what is not ours. ``forwarded_by``: the book that has passed it on, if any did."""
        lane = self._lanes.get(request.signal)
        if lane is None or not request.body:
            return
        if forwarded_by == self._book_id:
            self.stats.dropped[request.signal, LOOP] += 1
            return
        lane.put(request)

    def settled(self, settled: Sequence[SettledTask]) -> None:
        """Tell what a commit has made true."""
        if self._publishing and not self._stopping.is_set():
            self._others.take(settled)
            self._losses.wake()

    async def _empty(self) -> None:
        if self._publishing:
            await asyncio.wait(self._publishing)
        for lane in self._lanes.values():
            await lane.empty()

    def _died(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.stats.internal_errors += 1
            log.error("verdicts are told no more until a restart", exc_info=task.exception())

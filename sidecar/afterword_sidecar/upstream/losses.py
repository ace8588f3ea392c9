"""Verdicts on dead letters: told at least once, whatever becomes of the sidecar meanwhile.

The store notes with each commit which letters changed. They are read from there, sent until
upstream has them, and only then confirmed. A crash in between sends them again, as the same: the
event with the same ``log.record.uid``, the span with the same ids.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from afterword_sidecar.ledger.records import SettledTask
from afterword_sidecar.stores.contract import Store, StoreError, Unpublished
from afterword_sidecar.upstream.answers import Refused, TryAgain
from afterword_sidecar.upstream.delivering import Delivering
from afterword_sidecar.upstream.missing_spans import is_missing, spans_request
from afterword_sidecar.upstream.requests import Request
from afterword_sidecar.upstream.stats import REFUSED, UpstreamStats
from afterword_sidecar.upstream.telling import Telling
from afterword_sidecar.upstream.verdict_events import verdicts_request

T = TypeVar("T")
AT_ONCE: Final = 100
"""Letters read and sent together."""
STORE_PAUSE_SECONDS: Final = 5.0
"""After the store could not be read."""

log = logging.getLogger(__name__)


class OnStore(Protocol):
    """Runs a call on the store's thread, as ``Service.read`` does."""

    def __call__(self, call: Callable[[Store], T]) -> Awaitable[T]:
        """What ``call`` returns, or raises."""


class _Stopped(Exception):  # noqa: N818 - what happened to the sending
    """The sidecar stops, and upstream did not take it."""


class Losses:
    """Publishes what the store notes."""

    def __init__(
        self,
        on_store: OnStore,
        telling: Telling,
        logs: Delivering | None,
        traces: Delivering | None,
        stats: UpstreamStats,
        stopping: asyncio.Event,
    ) -> None:
        self._on_store = on_store
        self._telling = telling
        self._logs = logs
        self._traces = traces
        self._stats = stats
        self._stopping = stopping
        self._more = asyncio.Event()
        self._more.set()

    def wake(self) -> None:
        """There may be more."""
        self._more.set()

    async def publish(self) -> None:
        """Until the sidecar stops; what waits then waits for the next start."""
        while True:
            self._more.clear()
            try:
                while await self._publish_some():
                    pass
            except _Stopped:
                return
            except StoreError as error:
                log.warning("verdicts that wait to be published cannot be read: %s", error)
                await self._pause()
                self._more.set()
            if self._stopping.is_set():
                return
            await self._more.wait()

    async def _publish_some(self) -> bool:
        """Publish a page; False if there was none."""
        page, waiting = await self._on_store(lambda store: store.unpublished(AT_ONCE))
        self._stats.verdicts_unpublished = waiting
        if not page:
            return False
        missing = self._missing(page)
        sending: list[Coroutine[None, None, None]] = []
        if self._logs is not None and self._telling.verdicts != "none":
            sending.append(self._tell(self._logs, [each.settled for each in page]))
        if self._traces is not None and missing:
            sending.append(self._send_spans(self._traces, missing))
        await asyncio.gather(*sending)
        numbers = [each.number for each in page]
        spans = [settled.key for settled in missing]
        await self._on_store(lambda store: store.published(numbers, spans))
        self._stats.verdicts_unpublished = waiting - len(page)
        return True

    def _missing(self, page: Sequence[Unpublished]) -> list[SettledTask]:
        if self._telling.spans == "none" or self._traces is None:
            return []
        unsampled = self._telling.spans == "all"
        return [
            each.settled
            for each in page
            if not each.span_sent and is_missing(each.settled, unsampled=unsampled)
        ]

    async def _tell(self, logs: Delivering, settled: list[SettledTask]) -> None:
        sent = await self._deliver(logs, settled, verdicts_request)
        self._stats.verdicts_sent += sent
        self._stats.verdicts_dropped += len(settled) - sent

    async def _send_spans(self, traces: Delivering, missing: list[SettledTask]) -> None:
        self._stats.missing_spans_sent += await self._deliver(traces, missing, spans_request)

    async def _deliver(
        self,
        delivering: Delivering,
        settled: list[SettledTask],
        encode: Callable[[list[SettledTask]], bytes],
    ) -> int:
        """How many upstream took. One that it never will is found by halves, and dropped alone."""
        taken, parts = 0, [settled]
        while parts:
            part = parts.pop()
            body = await asyncio.to_thread(encode, part)
            answer = await delivering.deliver(Request(delivering.signal, body), for_ever=True)
            if isinstance(answer, TryAgain):
                raise _Stopped
            if not isinstance(answer, Refused):
                taken += len(part)
            elif len(part) > 1:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            else:
                log.error("upstream will never take what became of %s: %s", part[0].id, answer.why)
                self._stats.dropped[delivering.signal, REFUSED] += 1
        return taken

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STORE_PAUSE_SECONDS):
                await self._stopping.wait()

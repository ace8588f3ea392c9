"""Verdicts on dead letters: told at least once, whatever becomes of the sidecar meanwhile.

The store notes with each commit which letters changed. They are read from there, sent until
upstream has them, and only then confirmed. A crash in between sends them again, as the same: the
event with the same ``log.record.uid``, the span with the same ids. Events and spans go each by
themselves: where upstream refuses one of them, the other goes on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar

import msgspec

from afterword_sidecar.ledger.records import SettledTask, TaskKey
from afterword_sidecar.stores.contract import PublishedAs, Store, StoreError, Unpublished
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


class _Half(msgspec.Struct, frozen=True):
    """What is published by itself, whatever becomes of the rest."""

    waits_as: PublishedAs
    send: Callable[[Sequence[Unpublished]], Awaitable[list[TaskKey]]]
    """Sends a page, where that is told; returns the keys whose span is not to be sent again."""
    more: asyncio.Event


class Losses:
    """Publishes what the store notes: events and spans each at their own pace."""

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
        self._logs = logs if telling.verdicts != "none" else None
        self._traces = traces if telling.spans != "none" else None
        self._stats = stats
        self._stopping = stopping
        self._halves = (
            _Half("logs", self._tell, asyncio.Event()),
            _Half("traces", self._send_spans, asyncio.Event()),
        )

    def wake(self) -> None:
        """There may be more."""
        for half in self._halves:
            half.more.set()

    async def publish(self) -> None:
        """Until the sidecar stops; what waits then waits for the next start."""
        self.wake()
        await asyncio.gather(*map(self._publish, self._halves))

    async def _publish(self, half: _Half) -> None:
        while True:
            half.more.clear()
            try:
                while await self._publish_some(half):
                    pass
            except _Stopped:
                return
            except StoreError as error:
                log.warning("%s that wait to be published cannot be read: %s", half.waits_as, error)
                half.more.set()
                await self._pause()
            if self._stopping.is_set():
                return
            await half.more.wait()

    async def _publish_some(self, half: _Half) -> bool:
        """Publish a page; False if there was none."""
        page, waiting = await self._on_store(
            lambda store: store.unpublished(AT_ONCE, half.waits_as)
        )
        self._stats.verdicts_unpublished = waiting
        if not page:
            return False
        spans = await half.send(page)
        numbers = [each.number for each in page]
        await self._on_store(lambda store: store.published(numbers, [half.waits_as], spans))
        return True

    async def _tell(self, page: Sequence[Unpublished]) -> list[TaskKey]:
        if self._logs is not None:
            sent = await self._deliver(
                self._logs, [each.settled for each in page], verdicts_request
            )
            self._stats.verdicts_sent += sent
            self._stats.verdicts_dropped += len(page) - sent
        return []

    async def _send_spans(self, page: Sequence[Unpublished]) -> list[TaskKey]:
        unsampled = self._telling.spans == "all"
        missing = [
            each.settled
            for each in page
            if not each.span_sent and is_missing(each.settled, unsampled=unsampled)
        ]
        if self._traces is None:
            return []
        if missing:
            sent = await self._deliver(self._traces, missing, spans_request)
            self._stats.missing_spans_sent += sent
        return [settled.key for settled in missing]

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

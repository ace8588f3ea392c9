"""The queue of one signal: bounded in bytes, and emptied by a few workers."""

import asyncio
import logging
from collections import deque
from typing import Final

from afterword_sidecar.upstream.answers import Fault, Refused, Taken
from afterword_sidecar.upstream.delivering import Delivering
from afterword_sidecar.upstream.preparing import Unreadable, prepared
from afterword_sidecar.upstream.requests import Request
from afterword_sidecar.upstream.stats import (
    GAVE_UP,
    QUEUE_FULL,
    REFUSED,
    STOPPED,
    UNREADABLE,
    UpstreamStats,
)

WORKERS: Final = 4
"""Requests of one signal on their way at once."""

log = logging.getLogger(__name__)


class Lane:
    """Requests wait here and keep nobody waiting: what finds no room is dropped, and counted."""

    def __init__(self, delivering: Delivering, stats: UpstreamStats, queue_bytes: int) -> None:
        self._delivering = delivering
        self._signal = delivering.signal
        self._takes_json = delivering.takes_json
        self._stats = stats
        self._queue_bytes = queue_bytes
        self._waiting: deque[Request] = deque()
        self._size_bytes = 0
        self._on_their_way = 0
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._workers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        self._workers = [
            asyncio.create_task(self._work(), name=f"afterword-upstream-{self._signal}")
            for _ in range(WORKERS)
        ]

    def put(self, request: Request) -> bool:
        """Queue a request; False if there is no room, and it is dropped. Never blocks."""
        if self._size_bytes + request.size_bytes > self._queue_bytes:
            self._drop(QUEUE_FULL)
            return False
        self._size_bytes += request.size_bytes
        self._waiting.append(request)
        self._weigh()
        self._more.set()
        return True

    async def empty(self) -> None:
        """Returns when nothing waits and nothing is on its way."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Send no more; what is left is dropped."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for _ in range(len(self._waiting) + self._on_their_way):
            self._drop(STOPPED)
        self._waiting.clear()
        self._on_their_way = self._size_bytes = 0
        self._weigh()
        await self._delivering.close()

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            request = self._waiting.popleft()
            self._on_their_way += 1
            try:
                await self._send(request)
            except Exception:
                # A bug of ours costs this request, and nobody else anything.
                log.exception("a request could not be sent upstream")
                self._stats.internal_errors += 1
                self._drop(UNREADABLE)
            self._on_their_way -= 1
            self._size_bytes -= request.size_bytes
            self._weigh()

    async def _send(self, request: Request) -> None:
        try:
            ready = await prepared(request, takes_json=self._takes_json)
            if ready is None:
                return
            answer = await self._delivering.deliver(ready)
            if isinstance(answer, Refused) and answer.fault is Fault.ENCODING and self._takes_json:
                self._takes_json = False
                ready = await prepared(ready, takes_json=False) or ready
                answer = await self._delivering.deliver(ready)
        except Unreadable as error:
            log.warning("%s cannot be passed on: %s", self._signal, error)
            self._drop(UNREADABLE)
            return
        if not isinstance(answer, Taken):
            self._drop(REFUSED if isinstance(answer, Refused) else GAVE_UP)

    def _drop(self, reason: str) -> None:
        self._stats.dropped[self._signal, reason] += 1

    def _weigh(self) -> None:
        count = len(self._waiting) + self._on_their_way
        self._stats.queue_requests[self._signal] = count
        self._stats.queue_bytes[self._signal] = self._size_bytes
        if count:
            self._idle.clear()
        else:
            self._idle.set()

"""Tells open pages that the book has changed, by server-sent events; what changed, they ask.

An event has no content, so that one page is rendered in one way only, by the server. A watcher gets
at most one event a second, however fast commits follow, and there are only so many watchers.
"""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from afterword_sidecar.service import Service
from afterword_sidecar.web.problems import problem

WATCHERS_AT_MOST: Final = 32
SECONDS_BETWEEN_EVENTS: Final = 1.0
SECONDS_UNTIL_QUIET: Final = 2.5
"""With no change for so long there is one event more: what a page asks for may be shared with
others for up to two seconds, and the last change is to be shown as well. It is also how long it
takes at most to notice that a watcher is gone."""
_RETRY_SECONDS: Final = "30"
_RETRY_MILLISECONDS: Final = 2_000


class Live:
    """The pages that are open, and the change they wait for."""

    def __init__(self, service: Service) -> None:
        self._version = 0
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._watchers = 0
        service.watch(lambda _: self._change())

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A stream of ``change`` events until the page is closed or the sidecar stops."""
        if self._watchers >= WATCHERS_AT_MOST:
            detail = f"{WATCHERS_AT_MOST} pages are live already; this one is not, reload it"
            headers = {"Retry-After": _RETRY_SECONDS}
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers)
        self._watchers += 1
        try:
            async with sse_response(request) as stream:
                with suppress(ConnectionResetError, TimeoutError):
                    await self._tell(request, stream)
            return stream
        finally:
            self._watchers -= 1

    async def stop(self, _app: web.Application) -> None:
        """End every stream, so that nothing waits for them."""
        self._stopping.set()
        self._change()

    async def _tell(self, request: web.Request, stream: EventSourceResponse) -> None:
        seen, quiet = self._version, True
        await stream.send("", event="open", retry=_RETRY_MILLISECONDS)
        while not self._stopping.is_set() and request.transport is not None:
            if seen == self._version:
                await _within(self._changed, SECONDS_UNTIL_QUIET)
            if seen != self._version or not quiet:
                quiet = seen == self._version
                seen = self._version
                await stream.send("", event="change")
                await _within(self._stopping, SECONDS_BETWEEN_EVENTS)

    def _change(self) -> None:
        self._version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Return when it is set, or after so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

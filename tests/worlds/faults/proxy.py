"""A TCP proxy between application and sidecar that does to connections what networks do.

It forwards whole requests, so that a fault strikes at a moment that is known: before a request,
within it, or between its commit and its answer. What is random comes from the seed and from nothing
else. It also keeps what the sidecar has acknowledged: nothing else was safe from a killed process.
"""

import asyncio
import random
import re
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack, suppress
from typing import Any, Final, Self, TypeVar

from worlds.faults.entries import Wire
from worlds.faults.passed import Passed
from worlds.ports import held_port

T = TypeVar("T")
PATIENCE_SECONDS: Final = 120.0
_MOST_HEAD_BYTES: Final = 1 << 26
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STORED: Final = b"HTTP/1.1 200 "
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class LostError(Exception):
    """The connection is gone, as the weather would have it."""


class Link:
    """One connection of a client, and what a kind of weather can do to it."""

    def __init__(
        self, proxy: "Proxy", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.proxy = proxy
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """The next whole request. Raises ``LostError`` when the client is gone."""
        return await message(self._reader)

    async def ask(self, request: bytes) -> bytes:
        """Give the sidecar a request, on a connection of its own; its whole answer."""
        return await self.proxy.ask(request)

    async def answer(self, answer: bytes) -> None:
        """Give the client an answer."""
        try:
            self._writer.write(answer)
            await self._writer.drain()
        except OSError as error:
            raise LostError from error

    def reset(self) -> None:
        """End the connection by a reset."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise LostError


Weather = Callable[[Link, bytes], Awaitable[None]]
"""What becomes of one request: it is asked, answered, held, reset, or nothing at all."""


async def fair(link: Link, request: bytes) -> None:
    """Nothing happens to it."""
    await link.answer(await link.ask(request))


class Proxy:
    """A context manager. ``endpoint`` stays the same whatever the sidecar behind it does."""

    def __init__(self, seed: int) -> None:
        self.chance: Final = random.Random(seed)
        self.passed: Final = Passed()
        self.weather: Weather = fair
        self.upstream = ("127.0.0.1", 9)
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._loop.run_forever)
        self._links: Final[set[asyncio.Task[None]]] = set()
        self._held: Final = ExitStack()
        self._port = 0
        self._changed = asyncio.Event()

    @property
    def endpoint(self) -> str:
        """The URL that applications are given."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def wire(self) -> Wire:
        """Which tasks' evidence the sidecar was given so far."""
        return self.passed.wire

    def lead_to(self, url: str) -> None:
        """Forward to this sidecar from now on."""
        host, _, port = url.removeprefix("http://").partition(":")
        self.upstream = (host, int(port))

    def turn(self, weather: Weather) -> None:
        """From now on, this is what becomes of requests. What was held is looked at again."""

        async def turned() -> None:
            self.weather = weather
            self._changed.set()
            self._changed = asyncio.Event()

        self.do(turned())

    async def wait_for_change(self) -> None:
        """For weather that holds what it has until it is over."""
        await self._changed.wait()

    async def ask(self, request: bytes) -> bytes:
        """Give the sidecar a request; its answer. Raises ``LostError`` if it cannot be reached."""
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*self.upstream)
            writer.write(request)
            answer = await message(reader)
        except OSError as error:
            raise LostError from error
        finally:
            if writer is not None:
                writer.close()
        if answer.startswith(_STORED):
            self.passed.saw(request)
        return answer

    async def tear(self, request: bytes) -> None:
        """Give the sidecar half of a request, and no more."""
        with suppress(OSError):
            _, writer = await asyncio.open_connection(*self.upstream)
            writer.write(request[: len(request) // 2])
            await writer.drain()
            writer.close()

    def shut(self) -> None:
        """Refuse connections, and end those there are, until ``reopen``."""

        async def shut() -> None:
            self._server.close()
            await self._end_links()

        self.do(shut())

    def reopen(self) -> None:
        """Take connections again, at the same endpoint."""
        self._server = self.do(self._listen())

    def forward(self, requests: list[bytes]) -> None:
        """Give the sidecar these, one after the other. All must be taken."""

        async def forward() -> None:
            for request in requests:
                answer = await self.ask(request)
                assert answer.startswith(_STORED), answer

        self.do(forward())

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Run it on the proxy's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        link = Link(self, reader, writer)
        try:
            while True:
                request = await link.request()
                await self.weather(link, request)
        except (LostError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(task)
            with suppress(OSError):
                writer.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(
            self._serve, "127.0.0.1", self._port, limit=_MOST_HEAD_BYTES
        )

    async def _end_links(self) -> None:
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def __enter__(self) -> Self:
        self._port = self._held.enter_context(held_port())
        self._thread.start()
        self._server = self.do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        async def close() -> None:
            self._server.close()
            await self._end_links()

        self.do(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()
        self._held.close()


async def message(reader: asyncio.StreamReader) -> bytes:
    """One whole HTTP request or answer with a length. Raises ``LostError`` if it is cut short."""
    try:
        head = await reader.readuntil(_HEAD_END)
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
    except (asyncio.IncompleteReadError, OSError) as error:
        raise LostError from error
    return head + body


def taken() -> bytes:
    """What a sidecar answers that has stored all of it."""
    return _ANSWER

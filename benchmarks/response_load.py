"""Requests at a fixed rate over kept-alive connections, and how long each took.

A request is sent when it is due, on another connection if need be, whether or not the ones before
it were answered: a stall of the application shows in all the requests that it holds up.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final, cast

_BODY: Final = json.dumps({"number": 17, "email": "a@example.org"}).encode()
_REQUEST: Final = (
    b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
_ANSWER_BODY: Final = b'{"order":17}'
CONNECTIONS: Final = 16


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, answered: "Callable[[Connection], None]") -> None:
        self.sent_at = 0.0
        self._answered: Final = answered
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def send(self) -> None:
        """One request, timed from here."""
        assert self._transport is not None
        self._received = b""
        self.sent_at = perf_counter()  # uvloop's own clock counts in milliseconds
        self._transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""
        self._received += data
        if self._received.endswith(_ANSWER_BODY):
            assert self._received.startswith(b"HTTP/1.1 200 "), self._received
            self._answered(self)

    def close(self) -> None:
        """No more requests."""
        assert self._transport is not None
        self._transport.close()


class Load:
    """Load on one port. Times are in seconds."""

    def __init__(self, port: int) -> None:
        self._port: Final = port
        self._idle: Final[deque[Connection]] = deque()
        self._times: list[float] = []
        self._done: asyncio.Event = asyncio.Event()
        self._expected = 0

    async def connect(self) -> None:
        """Open the connections that are kept."""
        for _ in range(CONNECTIONS):
            await self._one_more()

    async def run(self, rate: float, requests: int) -> list[float]:
        """How long each of so many requests took, at so many a second."""
        loop = asyncio.get_running_loop()
        self._times, self._expected = [], requests
        self._done.clear()
        begin = loop.time() + 0.002
        for number in range(requests):
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not self._idle:
                await self._one_more()
            self._idle.popleft().send()
        await asyncio.wait_for(self._done.wait(), 30)
        return self._times

    def close(self) -> None:
        """No more load."""
        for connection in self._idle:
            connection.close()

    async def _one_more(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._answered), "127.0.0.1", self._port
        )
        self._idle.append(connection)

    def _answered(self, connection: Connection) -> None:
        self._times.append(perf_counter() - connection.sent_at)
        self._idle.append(connection)
        if len(self._times) == self._expected:
            self._done.set()

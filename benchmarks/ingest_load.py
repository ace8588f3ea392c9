"""The load generator: a process of its own, prebuilt bytes, a few connections, nothing else.

Started with the number of connections, of tasks a connection, and the batch size. For each line on
its standard input (a port) it sends everything once, and prints the seconds from the first byte to
the last answer as JSON, with how many records that were.
"""

import asyncio
import json
import secrets
import sys
import time
from functools import partial
from typing import cast

import uvloop

from benchmarks.ingest_bodies import PLACEHOLDER, requests


class Connection(asyncio.Protocol):
    """Sends one request after another, the next when the answer is here."""

    def __init__(self, to_send: list[bytes], done: asyncio.Future[None]) -> None:
        self._to_send = iter(to_send)
        self._done = done
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected; nothing is sent before ``begin``."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one by class

    def begin(self) -> None:
        """Send the first request."""
        self._transport.write(next(self._to_send))

    def data_received(self, data: bytes) -> None:
        """An answer, or a part of one."""
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator:
            return
        lowered = head.lower()
        length = int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"0")
        if len(body) < length:
            return
        if b" 200 " not in head.split(b"\r\n", 1)[0] or b"rejected" in body:
            self._done.set_exception(RuntimeError(f"not taken: {self._answer!r}"))
            self._transport.close()
            return
        self._answer = b""
        request = next(self._to_send, None)
        if request is not None:
            self._transport.write(request)
        else:
            self._transport.close()
            self._done.set_result(None)


async def send_all(port: int, streams: list[list[bytes]]) -> float:
    loop = asyncio.get_running_loop()
    finished: list[asyncio.Future[None]] = []
    connections: list[Connection] = []
    for built in streams:
        stream = secrets.token_hex(16).encode()
        fresh = [each.replace(PLACEHOLDER.hex().encode(), stream, 1) for each in built]
        done = loop.create_future()
        _, connection = await loop.create_connection(
            partial(Connection, fresh, done), "127.0.0.1", port
        )
        finished.append(done)
        connections.append(connection)
    begun = time.perf_counter()
    for connection in connections:
        connection.begin()
    await asyncio.gather(*finished)
    return time.perf_counter() - begun


def main() -> None:
    connections, tasks, batch_size = map(int, sys.argv[1:4])
    streams = [requests(tasks, batch_size, seed) for seed in range(connections)]
    print("ready", flush=True)
    for line in sys.stdin:
        seconds = uvloop.run(send_all(int(line), streams))
        print(json.dumps({"seconds": seconds, "tasks": connections * tasks}), flush=True)


if __name__ == "__main__":
    main()

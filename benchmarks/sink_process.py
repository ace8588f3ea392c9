"""A process that takes what OTLP exporters send and answers 200: it costs the measured one nothing.

Prints its port, then serves until its input is closed.
"""

import asyncio
import os
import sys


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            is_json = b"application/json" in head
            body = b"{}" if is_json else b""
            kind = b"application/json" if is_json else b"application/x-protobuf"
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
                % (kind, len(body), body)
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has hung up, as clients do
    finally:
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, limit=64 * 1024 * 1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # exporters keep their connections open; there is nothing to say to them


if __name__ == "__main__":
    asyncio.run(_serve())

"""Reading a request's body as it comes: bounded in bytes, in time, and among all clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from afterword_sidecar.web.limits import ReceiverLimits
from afterword_sidecar.web.room import Room


class BodyTooLarge(Exception):  # noqa: N818 - what the body is
    """More bytes than one body may have."""


class BodyTooSlow(Exception):  # noqa: N818 - what the body is
    """Not here whole in time."""


class BodyBroken(Exception):  # noqa: N818 - what the body is
    """Its framing is wrong, or its sender has gone."""


@asynccontextmanager
async def body_of(request: web.Request, room: Room, limits: ReceiverLimits) -> AsyncIterator[bytes]:
    """The body as it was sent; its share of ``room`` is given back when the context is left.

    The application must run with ``auto_decompress=False``: aiohttp's own inflation takes half a
    truncated gzip for a whole body, and stalls the loop with a bomb.

    Raises:
        BodyTooLarge: found from its declared length where there is one, else while it is read.
        BodyTooSlow: not whole within ``limits.body_seconds``.
        BodyBroken: malformed chunks, or the client has gone.
        NoRoom: all bodies together are too large.
    """
    if (request.content_length or 0) > limits.body_bytes:
        raise BodyTooLarge
    taken_bytes = 0
    chunks: list[bytes] = []
    try:
        try:
            async with asyncio.timeout(limits.body_seconds):
                while chunk := await request.content.readany():
                    if taken_bytes + len(chunk) > limits.body_bytes:
                        raise BodyTooLarge
                    room.take(len(chunk))
                    taken_bytes += len(chunk)
                    chunks.append(chunk)
        except TimeoutError:
            raise BodyTooSlow from None
        except (RequestPayloadError, HttpProcessingError, ConnectionError) as error:
            raise BodyBroken(str(error) or type(error).__name__) from error
        yield chunks[0] if len(chunks) == 1 else b"".join(chunks)
    finally:
        room.give_back(taken_bytes)

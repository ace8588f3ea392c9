"""Reading a request's body as it comes: bounded in bytes, in time, and among all clients."""

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from afterword_sidecar.web.limits import ReceiverLimits
from afterword_sidecar.web.room import Share


class BodyTooLarge(Exception):  # noqa: N818 - what the body is
    """More bytes than one body may have."""


class BodyTooSlow(Exception):  # noqa: N818 - what the body is
    """Not here whole in time."""


class BodyBroken(Exception):  # noqa: N818 - what the body is
    """Its framing is wrong, or its sender has gone."""


async def read_body(request: web.Request, share: Share, limits: ReceiverLimits) -> bytes:
    """The body as it was sent; its bytes are taken from the room as they come.

    The application must run with ``auto_decompress=False``: aiohttp's own inflation takes half a
    truncated gzip for a whole body, and stalls the loop with a bomb.

    Raises:
        BodyTooLarge: found from its declared length where there is one, else while it is read.
        BodyTooSlow: not whole within ``limits.body_seconds``.
        BodyBroken: malformed chunks, or the client has gone.
        NoRoom: all bodies together are too large.
    """
    declared_bytes = request.content_length
    if declared_bytes is not None and declared_bytes > limits.body_bytes:
        raise BodyTooLarge
    if not request.can_read_body:
        return b""
    _, buffered_bytes = request.content.get_read_buffer_limits()
    try:
        if declared_bytes is not None and request.content.is_eof():
            # It came with its head, as most do: nothing to wait for, nothing to time.
            return await _read_at_once(request, share, declared_bytes)
        async with asyncio.timeout(limits.body_seconds):
            if declared_bytes is not None and declared_bytes <= buffered_bytes:
                return await _read_at_once(request, share, declared_bytes)
            return await _read_in_chunks(request, share, limits.body_bytes)
    except TimeoutError:
        raise BodyTooSlow from None
    except (RequestPayloadError, HttpProcessingError, ConnectionError, RuntimeError) as error:
        # aiohttp says "Connection closed." with a RuntimeError.
        raise BodyBroken(str(error) or type(error).__name__) from error


async def _read_at_once(request: web.Request, share: Share, declared_bytes: int) -> bytes:
    """A body that aiohttp buffers whole: woken once, and not for each piece."""
    share.take(declared_bytes)
    await request.content.wait_eof()
    return request.content.read_nowait()


async def _read_in_chunks(request: web.Request, share: Share, most_bytes: int) -> bytes:
    chunks: list[bytes] = []
    while chunk := await request.content.readany():
        if share.size_bytes + len(chunk) > most_bytes:
            raise BodyTooLarge
        share.take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)

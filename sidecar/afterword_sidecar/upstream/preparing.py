"""What must be done to a request before it can be sent on. In a thread: bodies can be large."""

import asyncio

from msgspec.structs import replace

from afterword_sidecar.otlp import OtlpError, inflate
from afterword_sidecar.upstream.own_evidence import without_evidence
from afterword_sidecar.upstream.reencoding import as_protobuf
from afterword_sidecar.upstream.requests import Request

MOST_BYTES = 64 << 20
"""Inflated; the receiver has let nothing larger through by default."""


class Unreadable(Exception):  # noqa: N818 - what the request is
    """It cannot be taken apart: passed on whole it might tell what is nobody's business."""


async def prepared(request: Request, *, takes_json: bool) -> Request | None:
    """The request as it is to be sent: mostly the bytes that came. ``None``: nothing is left of it.

    Raises ``Unreadable``.
    """
    # gRPC compresses by itself: it wants the plain bytes, and of protobuf alone.
    plain = request.content_encoding in ("", "identity")
    as_it_is = takes_json or (plain and request.content_type == "protobuf")
    if as_it_is and not request.holds_evidence:
        return request
    return await asyncio.to_thread(_prepare, request, takes_json=takes_json)


def _prepare(request: Request, *, takes_json: bool) -> Request | None:
    body, content_type = request.body, request.content_type
    try:
        body = inflate(body, request.content_encoding, MOST_BYTES)
        if request.holds_evidence:
            body = without_evidence(body, content_type)
        if body and content_type == "json" and not takes_json:
            body, content_type = as_protobuf(request.signal, body), "protobuf"
    except (OtlpError, ValueError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}: {str(error)[:200]}") from error
    if not body:
        return None
    return replace(
        request, body=body, content_type=content_type, content_encoding="", holds_evidence=False
    )

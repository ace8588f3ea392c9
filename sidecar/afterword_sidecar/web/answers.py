"""Answers of the receiver: OTLP's responses, and ``google.rpc.Status`` for what was not taken."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from afterword_sidecar.otlp import (
    ContentType,
    OtlpError,
    Signal,
    TooLarge,
    encode_response,
    encode_status,
)
from afterword_sidecar.service import Refused
from afterword_sidecar.web.bodies import BodyBroken, BodyTooLarge, BodyTooSlow
from afterword_sidecar.web.limits import ReceiverLimits
from afterword_sidecar.web.room import NoRoom
from afterword_sidecar.web.turned import Turned, come_again

MEDIA_TYPES: Final[dict[ContentType, str]] = {
    "json": "application/json",
    "protobuf": "application/x-protobuf",
}
GRPC_CODES: Final = {
    HTTPStatus.BAD_REQUEST: 3,  # INVALID_ARGUMENT
    HTTPStatus.UNAUTHORIZED: 16,  # UNAUTHENTICATED
    HTTPStatus.NOT_FOUND: 5,  # NOT_FOUND
    HTTPStatus.METHOD_NOT_ALLOWED: 12,  # UNIMPLEMENTED
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,  # RESOURCE_EXHAUSTED
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,  # UNAVAILABLE
}


def taken(
    signal: Signal, content_type: ContentType, rejected: int = 0, message: str = ""
) -> web.Response:
    """200: all of it, or all but ``rejected`` records, which must not be sent again."""
    return web.Response(
        body=encode_response(signal, content_type, rejected, message),
        headers={"Content-Type": MEDIA_TYPES[content_type]},
    )


def not_taken(turned: Turned, content_type: ContentType) -> web.Response:
    """An error, in ``content_type``."""
    return web.Response(
        status=turned.status,
        body=encode_status(content_type, GRPC_CODES[turned.status], str(turned)),
        headers={"Content-Type": MEDIA_TYPES[content_type], **turned.headers},
    )


def turned_by(error: Exception, limits: ReceiverLimits) -> Turned | None:
    """What an error means to the client; ``None`` if it is a bug of ours."""
    match error:
        case Turned():
            turned = error
        case TooLarge():
            turned = Turned(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))
        case OtlpError():
            turned = Turned(HTTPStatus.BAD_REQUEST, str(error))
        case BodyTooLarge():
            why = f"a body has at most {limits.body_bytes} bytes: send smaller batches"
            turned = Turned(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
        case BodyBroken():
            why = f"the body could not be read: {error}"
            turned = Turned(HTTPStatus.BAD_REQUEST, why, _CLOSE)
        case BodyTooSlow():
            why = f"the body was not here after {limits.body_seconds:g} s"
            turned = come_again(why, limits.retry_after_seconds, _CLOSE)
        case NoRoom():
            turned = come_again(str(error), limits.retry_after_seconds)
        case Refused():
            turned = come_again(str(error), error.retry_after_seconds)
        case _:
            return None
    return turned


_CLOSE: Final = {"Connection": "close"}

"""What is checked of a request before a byte of its body is read, in the order it is checked."""

import hmac
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from afterword import names
from afterword_sidecar.otlp import ContentType, Signal
from afterword_sidecar.web.now_and_then import NowAndThen
from afterword_sidecar.web.turned import Turned, come_again

log = logging.getLogger(__name__)

SIGNALS: Final[dict[str, Signal]] = {
    "/v1/logs": "logs",
    "/v1/traces": "traces",
    "/v1/metrics": "metrics",
    "/v1development/profiles": "profiles",
}
CONTENT_TYPES: Final[dict[str, ContentType]] = {
    "application/json": "json",
    "application/x-protobuf": "protobuf",
}
ANOTHER_BOOK_SECONDS: Final = 5.0
"""Until a client of another book is to try again: it may reach the right sidecar next time."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a request says it is."""

    signal: Signal
    content_type: ContentType
    content_encoding: str
    """As sent, lower case; whether it can be read is the decoder's to say."""


class Gate:
    """Admits requests to this book with this token (empty: anyone)."""

    def __init__(self, book_id: str, token: str) -> None:
        self._book_id = book_id
        self._token = token.encode()
        self._without_token = NowAndThen()
        self._of_another_book = NowAndThen()

    def admit(self, request: web.Request) -> Admitted:
        """What ``request`` is. Raises ``Turned``: 404, 405, 401, 415 or 503."""
        signal = SIGNALS.get(request.path)
        if signal is None:
            known = ", ".join(SIGNALS)
            raise Turned(HTTPStatus.NOT_FOUND, f"no such path: send OTLP to {known}")
        if request.method != "POST":
            raise Turned(HTTPStatus.METHOD_NOT_ALLOWED, "OTLP is sent with POST", {"Allow": "POST"})
        self._check_token(request)
        content_type = content_type_of(request)
        if content_type is None:
            raise Turned(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type must be {' or '.join(CONTENT_TYPES)}",
            )
        self._check_book(request)
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        return Admitted(signal, content_type, encoding)

    def _check_token(self, request: web.Request) -> None:
        if not self._token:
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Surrogates stand for bytes that are no UTF-8; a wrong token must not be an error of ours.
        given_bytes = given.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given_bytes, self._token):
            if count := self._without_token.happened():
                log.warning(
                    "clients without the right token are turned away: what they tell is lost",
                    extra={"client": request.remote, "requests": count},
                )
            raise Turned(
                HTTPStatus.UNAUTHORIZED,
                "a valid bearer token is needed",
                {"WWW-Authenticate": 'Bearer realm="afterword"'},
            )

    def _check_book(self, request: web.Request) -> None:
        echoed = request.headers.get(names.BOOK_HEADER, "")
        if echoed and echoed != self._book_id:
            if count := self._of_another_book.happened():
                log.warning(
                    "clients of another book are turned away: do two sidecars share an address?",
                    extra={"client": request.remote, "requests": count},
                )
            raise come_again(
                f"this is book {self._book_id}, not {echoed[:40]!r}: two sidecars seem to share an"
                " address, or a new one began without the old one's data",
                after_seconds=ANOTHER_BOOK_SECONDS,
            )


def content_type_of(request: web.Request) -> ContentType | None:
    """The encoding the request claims, and answers are given in; ``None`` if not one of OTLP's."""
    declared = request.headers.get("Content-Type", "")
    return CONTENT_TYPES.get(declared.partition(";")[0].strip().lower())

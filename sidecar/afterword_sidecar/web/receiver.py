"""The OTLP/HTTP receiver: thin, and answers everything in the request's own encoding.

What an answer means to a client decides what is answered: 503 is sent again, any other error is
dropped for good, 500 included. So whatever is our trouble and not the request's is a 503: no room,
a store that fails, and also a bug of ours, which is logged and counted.

Source: opentelemetry-proto ``docs/specification.md`` (OTLP/HTTP).
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from aiohttp import web

from afterword import names
from afterword_sidecar.ledger.book import Receipt
from afterword_sidecar.otlp import (
    Decoded,
    Signal,
    decode_logs,
    decode_metrics,
    decode_traces,
)
from afterword_sidecar.service import Service
from afterword_sidecar.upstream import Upstream
from afterword_sidecar.web.answers import not_taken, taken, turned_by
from afterword_sidecar.web.bodies import read_body
from afterword_sidecar.web.broken_requests import ServerLog
from afterword_sidecar.web.decoding import Decoding
from afterword_sidecar.web.gate import SIGNALS, Admitted, Gate, content_type_of
from afterword_sidecar.web.limits import ReceiverLimits
from afterword_sidecar.web.passing_on import pass_on
from afterword_sidecar.web.room import Room
from afterword_sidecar.web.turned import come_again

log = logging.getLogger(__name__)

SERVER: Final = "afterword"
"""What both ports call themselves: which library of which version answers is nobody's business."""
SHUTDOWN_SECONDS: Final = 10.0
"""How long a stop waits for requests that are being handled."""


class Receiver:
    """Handles every request of the evidence port."""

    def __init__(
        self,
        service: Service,
        limits: ReceiverLimits,
        token: str,
        unset_completed: frozenset[str],
        upstream: Upstream | None,
    ) -> None:
        self._service = service
        self._limits = limits
        self._gate = Gate(service.book_id, token)
        self._room = Room(limits.all_bodies_bytes)
        self._decoding = Decoding(limits)
        self._upstream = upstream
        self._decoders: dict[Signal, Callable[..., Decoded]] = {
            "logs": decode_logs,
            "traces": partial(decode_traces, unset_completed=unset_completed),
            "metrics": decode_metrics,
            # Nothing of ours can be in a profile, and its format is still in development.
            "profiles": lambda _body, **_about: Decoded(),
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The answer, whatever comes."""
        try:
            admitted = self._gate.admit(request)
            answer = await self._book(request, admitted)
        except Exception as error:  # noqa: BLE001 - each has its answer, and what has none a 503
            answer = self._refusal(request, error)
        answer.headers[names.BOOK_HEADER] = self._service.book_id
        answer.headers["Server"] = SERVER
        self._service.stats.requests[SIGNALS.get(request.path, "other"), answer.status] += 1
        return answer

    async def close(self, _application: web.Application) -> None:
        """When the application has stopped."""
        self._decoding.close()

    async def _book(self, request: web.Request, admitted: Admitted) -> web.Response:
        body, decoded, size_bytes = await self._read(request, admitted)
        receipt = Receipt()
        if decoded.batches:
            receipt = await self._service.submit(decoded.batches, size_bytes)
        self._count(admitted, decoded)
        if self._upstream is not None:  # it is taken: what is not ours goes on
            pass_on(self._upstream, request, admitted, body, decoded)
        rejected = sum(decoded.rejected.values()) + sum(receipt.rejected.values())
        message = "; ".join(filter(None, (decoded.message, _message(receipt))))
        return taken(admitted.signal, admitted.content_type, rejected, message)

    async def _read(self, request: web.Request, admitted: Admitted) -> tuple[bytes, Decoded, int]:
        """The body as it came, what it comes to, and how many bytes it has inflated."""
        with self._room.share() as share:
            body = await read_body(request, share, self._limits)
            received_at = self._service.now()
            decode = partial(
                self._decoders[admitted.signal],
                content_type=admitted.content_type,
                received_at=received_at,
            )
            # Time does not overtake what is here; from here to the queue nothing is awaited.
            with self._service.arrived(received_at):
                encoding = admitted.content_encoding
                return body, *await self._decoding.decode(body, encoding, decode)

    def _count(self, admitted: Admitted, decoded: Decoded) -> None:
        stats = self._service.stats
        stats.records_rejected.update(decoded.rejected)
        if decoded.ignored:
            stats.passed_by[admitted.signal] += decoded.ignored

    def _refusal(self, request: web.Request, error: Exception) -> web.Response:
        turned = turned_by(error, self._limits)
        if turned is None:
            self._service.stats.internal_errors += 1
            log.error("a request to %s could not be handled", request.path, exc_info=error)
            turned = come_again(
                "the sidecar made a mistake; it is in its log", self._limits.retry_after_seconds
            )
        return not_taken(turned, content_type_of(request) or "json")


def _message(receipt: Receipt) -> str:
    return "; ".join(f"{count} rejected as {why}" for why, count in receipt.rejected.items())


def make_receiver(
    service: Service,
    *,
    limits: ReceiverLimits | None = None,
    token: str = "",
    unset_completed: frozenset[str] = frozenset(),
    upstream: Upstream | None = None,
) -> web.Application:
    """The application for the evidence port. Serve it with ``make_runner``.

    Args:
        service: takes the evidence.
        limits: bytes and seconds; its defaults where ``None``.
        token: the bearer token clients must send; empty for none.
        unset_completed: services whose spans that end UNSET completed; ``*`` for all.
        upstream: gets what is not evidence.
    """
    receiver = Receiver(service, limits or ReceiverLimits(), token, unset_completed, upstream)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    application.on_cleanup.append(receiver.close)
    return application


def make_runner(
    application: web.Application, *, limits: ReceiverLimits | None = None
) -> web.AppRunner:
    """A runner for ``make_receiver``'s application.

    Bodies come as they were sent (``auto_decompress``), nothing is logged a request (it halves the
    throughput), and a connection that is idle or half-sent its headers is closed.
    """
    limits = limits or ReceiverLimits()
    return web.AppRunner(
        application,
        auto_decompress=False,
        access_log=None,
        logger=ServerLog("receiver"),
        keepalive_timeout=limits.keepalive_seconds,
        lingering_time=limits.lingering_seconds,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )

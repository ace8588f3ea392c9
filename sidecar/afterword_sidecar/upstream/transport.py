"""How a request is sent: one try, one answer. Over HTTP by aiohttp, over gRPC by ``grpc``.

The SDK's exporters do not fit: they take the SDK's own objects, where requests are passed on here
as the bytes they came as; they block a thread while they try again; and they drop what they hold
when they are shut down in between.
"""

import asyncio
import gzip
import ssl
import time
from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from afterword import names
from afterword_sidecar import __version__
from afterword_sidecar.upstream.answers import Answer, TryAgain, of_http
from afterword_sidecar.upstream.destinations import Destination, Signal
from afterword_sidecar.upstream.requests import Request

USER_AGENT: Final = f"afterword-sidecar/{__version__}"
_TYPES: Final = {"json": "application/json", "protobuf": "application/x-protobuf"}
_ANSWER_BYTES: Final = 1 << 16
"""Read of an answer: a partial success and its message."""
_INLINE_BYTES: Final = 32 << 10
"""Compressed on the loop; more than that in a thread."""


class Transport(Protocol):
    """Sends requests of one signal to one destination."""

    takes_json: bool
    """Whether OTLP/JSON can be sent as it is."""

    async def send(self, request: Request) -> Answer:
        """One try. Never raises but when it is cancelled."""

    async def close(self) -> None:
        """Let go of the connections."""


class HttpTransport:
    """OTLP/HTTP: bodies as they came, compressed where that is wanted and was not done."""

    takes_json = True

    def __init__(
        self, signal: Signal, destination: Destination, book_id: str, clock: Callable[[], float]
    ) -> None:
        """Made on the running loop. Raises ``OSError`` for certificates that cannot be read."""
        self._signal = signal
        self._destination = destination
        self._clock = clock
        # Proxies are taken from the environment, as every exporter of OpenTelemetry does.
        self._session = ClientSession(
            timeout=ClientTimeout(total=destination.timeout_seconds),
            headers={
                "User-Agent": USER_AGENT,
                names.FORWARDED_HEADER: book_id,
                **dict(destination.headers),
            },
            trust_env=True,
        )
        self._tls = _tls(destination)

    async def send(self, request: Request) -> Answer:
        """One try."""
        body, encoding = await self._compressed(request)
        headers = {"Content-Type": _TYPES[request.content_type]}
        if encoding not in ("", "identity"):
            headers["Content-Encoding"] = encoding
        try:
            # A redirect would carry the headers, which may be secrets, to somebody else.
            async with self._session.post(
                self._destination.url,
                data=body,
                headers=headers,
                ssl=self._tls,
                allow_redirects=False,
            ) as response:
                told = await response.content.read(_ANSWER_BYTES)
                partial = (0, "")
                if response.status == 200 and response.content_type == _TYPES["protobuf"]:  # noqa: PLR2004 - HTTP
                    partial = partial_success(self._signal, told)
                return of_http(
                    response.status,
                    response.reason or "",
                    response.headers,
                    partial,
                    self._clock(),
                )
        except (ClientError, OSError, TimeoutError) as error:
            return TryAgain(f"{type(error).__name__} {error}".strip())

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def _compressed(self, request: Request) -> tuple[bytes, str]:
        plain = request.content_encoding in ("", "identity")
        if not plain or not self._destination.gzip:
            return request.body, request.content_encoding
        if request.size_bytes <= _INLINE_BYTES:
            return gzip.compress(request.body, 6, mtime=0), "gzip"
        return await asyncio.to_thread(gzip.compress, request.body, 6, mtime=0), "gzip"


def partial_success(signal: Signal, body: bytes) -> tuple[int, str]:
    """(records rejected, message) of an answer's protobuf; nothing if it cannot be read."""
    try:
        if signal == "traces":
            spans = ExportTraceServiceResponse.FromString(body).partial_success
            return spans.rejected_spans, spans.error_message
        if signal == "metrics":
            points = ExportMetricsServiceResponse.FromString(body).partial_success
            return points.rejected_data_points, points.error_message
        records = ExportLogsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return 0, ""
    return records.rejected_log_records, records.error_message


def open_transport(signal: Signal, destination: Destination, book_id: str) -> Transport:
    """The transport for a destination. Raises ``OSError`` for certificates that cannot be read."""
    if destination.protocol == "grpc":
        # It takes 20 MiB and 0.1 s, for those alone who use it.
        from afterword_sidecar.upstream.grpc_transport import GrpcTransport  # noqa: PLC0415

        return GrpcTransport(signal, destination)
    return HttpTransport(signal, destination, book_id, time.time)


def _tls(destination: Destination) -> ssl.SSLContext | bool:
    """``True``: the system's authorities."""
    if not (destination.certificate or destination.client_certificate):
        return True
    context = ssl.create_default_context(cafile=destination.certificate or None)
    if destination.client_certificate:
        context.load_cert_chain(destination.client_certificate, destination.client_key or None)
    return context

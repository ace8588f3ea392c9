"""OTLP over gRPC: the bytes of a request as they came, by a generic call.

Source: opentelemetry-proto ``docs/specification.md`` (OTLP/gRPC).
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from afterword_sidecar.upstream.answers import Answer, Taken, of_grpc
from afterword_sidecar.upstream.destinations import Destination, Signal
from afterword_sidecar.upstream.requests import Request
from afterword_sidecar.upstream.transport import USER_AGENT, partial_success

_METHODS: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_DETAILS: Final = "grpc-status-details-bin"


class GrpcTransport:
    """One channel, one method; retries are the caller's, as over HTTP."""

    takes_json = False

    def __init__(self, signal: Signal, destination: Destination) -> None:
        """Made on the running loop. Raises ``OSError`` for certificates that cannot be read."""
        self._signal = signal
        self._destination = destination
        address = urlsplit(destination.url)
        target = address.netloc
        compression = grpc.Compression.Gzip if destination.gzip else grpc.Compression.NoCompression
        options = (("grpc.primary_user_agent", USER_AGENT), ("grpc.enable_retries", 0))
        if address.scheme == "http":
            self._channel = grpc.aio.insecure_channel(
                target, options=options, compression=compression
            )
        else:
            self._channel = grpc.aio.secure_channel(
                target, _credentials(destination), options=options, compression=compression
            )
        self._export = self._channel.unary_unary(_METHODS[signal])
        # Metadata keys are lower case, or the call is refused.
        self._metadata = tuple((key.lower(), value) for key, value in destination.headers)

    async def send(self, request: Request) -> Answer:
        """One try; the request is protobuf, and not compressed."""
        try:
            told = await self._export(
                request.body, metadata=self._metadata, timeout=self._destination.timeout_seconds
            )
        except grpc.aio.AioRpcError as error:
            return of_grpc(error.code().name, error.details() or "", _retry_delay(error))
        return Taken(*partial_success(self._signal, told))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._channel.close()


def _retry_delay(error: grpc.aio.AioRpcError) -> float | None:
    """Seconds, where the server attached a ``RetryInfo``."""
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS or not isinstance(value, bytes):
            continue
        try:
            for detail in Status.FromString(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return float(info.retry_delay.ToTimedelta().total_seconds())
        except DecodeError:
            return None
    return None


def _credentials(destination: Destination) -> grpc.ChannelCredentials:
    def read(path: str) -> bytes | None:
        return Path(path).read_bytes() if path else None

    return grpc.ssl_channel_credentials(
        root_certificates=read(destination.certificate),
        private_key=read(destination.client_key),
        certificate_chain=read(destination.client_certificate),
    )

"""Where telemetry goes: one destination a signal, as OpenTelemetry's own variables tell it."""

from typing import Final, Literal

import msgspec

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics", "logs")
Protocol = Literal["http/protobuf", "grpc"]
PROTOCOLS: Final[tuple[Protocol, ...]] = ("http/protobuf", "grpc")


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where the requests of one signal are sent, and how."""

    url: str
    """Over HTTP the whole of it, path and all; over gRPC ``http(s)://host:port``."""
    protocol: Protocol = "http/protobuf"
    headers: tuple[tuple[str, str], ...] = ()
    """May hold secrets: never shown."""
    timeout_seconds: float = 10.0
    """For one try."""
    gzip: bool = False
    certificate: str = ""
    """A PEM file of authorities to trust; empty: those of the system."""
    client_certificate: str = ""
    client_key: str = ""


class Destinations(msgspec.Struct, frozen=True, kw_only=True):
    """A destination a signal; ``None``: it is not sent anywhere."""

    traces: Destination | None = None
    metrics: Destination | None = None
    logs: Destination | None = None

    def of(self, signal: Signal) -> Destination | None:
        """The destination of ``signal``."""
        return {"traces": self.traces, "metrics": self.metrics, "logs": self.logs}[signal]

    @property
    def any(self) -> bool:
        """True if anything is sent."""
        return any(self.of(signal) for signal in SIGNALS)

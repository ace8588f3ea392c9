"""OpenTelemetry's own variables for exporters, as the sidecar's upstream reads them.

Nothing is sent anywhere unless an endpoint is named: the default of an SDK's exporter would be the
sidecar itself. A variable of one signal (``OTEL_EXPORTER_OTLP_TRACES_…``) wins over a general one.

Source: opentelemetry-specification ``specification/protocol/exporter.md``.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from afterword_sidecar.settings.problem import Problem
from afterword_sidecar.settings.quantities import RefusedError, choice
from afterword_sidecar.upstream import PROTOCOLS, SIGNALS, Destination, Destinations, Signal

PREFIX: Final = "OTEL_EXPORTER_OTLP_"
KEYS: Final = (
    "ENDPOINT",
    "PROTOCOL",
    "HEADERS",
    "TIMEOUT",
    "COMPRESSION",
    "CERTIFICATE",
    "CLIENT_CERTIFICATE",
    "CLIENT_KEY",
)
"""What is read, in general and a signal."""
_LEAST_MILLISECONDS: Final = 100
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def read_destinations(
    environment: Mapping[str, str], receiver_port: object
) -> tuple[Destinations, list[Problem]]:
    """Where each signal goes, and what is wrong with what was said of it.

    ``receiver_port``: the sidecar's own, which must not be where it sends to.
    """
    found: dict[str, Destination] = {}
    problems: dict[str, Problem] = {}  # a general variable is read for each signal, told of once
    for signal in SIGNALS:
        if environment.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip().lower() == "none":
            continue
        reading = _Reading(environment, signal, problems)
        destination = reading.destination(receiver_port)
        if destination is not None:
            found[signal] = destination
    return Destinations(**found), list(problems.values())


class _Reading:
    """The variables of one signal."""

    def __init__(
        self, environment: Mapping[str, str], signal: Signal, problems: dict[str, Problem]
    ) -> None:
        self._environment = environment
        self._signal = signal
        self._problems = problems

    def destination(self, receiver_port: object) -> Destination | None:
        """Where to, if an endpoint is named and nothing is wrong."""
        told_by, given = self._told("ENDPOINT")
        if not given:
            return None
        protocol = self._read("PROTOCOL", _protocol, "http/protobuf")
        general = told_by == f"{PREFIX}ENDPOINT"
        whole = {
            "url": self._read("ENDPOINT", lambda text: _url(text, receiver_port), ""),
            "protocol": protocol,
            "headers": self._read("HEADERS", _headers, ()),
            "timeout_seconds": self._read("TIMEOUT", _milliseconds, 10.0),
            "gzip": self._read("COMPRESSION", _compression, False),
            "certificate": self._read("CERTIFICATE", _file, ""),
            "client_certificate": self._read("CLIENT_CERTIFICATE", _file, ""),
            "client_key": self._read("CLIENT_KEY", _file, ""),
        }
        if self._problems:
            return None
        if protocol != "grpc" and general:
            whole["url"] = f"{str(whole['url']).rstrip('/')}/v1/{self._signal}"
        return Destination(**whole)

    def _told(self, key: str) -> tuple[str, str]:
        """The variable that says it, and what it says; an empty one counts as not set."""
        own = f"{PREFIX}{self._signal.upper()}_{key}"
        name = own if self._environment.get(own, "").strip() else f"{PREFIX}{key}"
        return name, self._environment.get(name, "").strip()

    def _read(self, key: str, parse: Callable[[str], Any], default: Any) -> Any:
        name, text = self._told(key)
        if not text:
            return default
        try:
            return parse(text)
        except RefusedError as refused:
            # Headers hold tokens; an endpoint may have a password in it.
            shown = "(not shown)" if key == "HEADERS" or "@" in text else text[:80]
            self._problems[name] = Problem(name, shown, refused.why, refused.hint)
            return default


def _protocol(text: str) -> str:
    if text.lower() == "http/json":
        raise RefusedError("the sidecar does not make JSON", "http/protobuf takes the same port")
    return choice(text, PROTOCOLS)


def _url(text: str, receiver_port: object) -> str:
    hint = "for example http://collector:4318"
    try:
        address = urlsplit(text)
        host, port = address.hostname, address.port
    except ValueError as error:
        raise RefusedError(f"it is not a URL ({error})", hint) from error
    if address.scheme not in ("http", "https") or not host:
        raise RefusedError("it is not an http or https URL", hint)
    if address.username is not None:
        raise RefusedError("it has a user in it", f"use {PREFIX}HEADERS for credentials")
    if host in _LOOPBACK and port is not None and port == receiver_port:
        raise RefusedError(
            "it is this sidecar's own receiver, and telemetry would go round in circles",
            "name the collector behind it, or leave it out for the sidecar",
        )
    return text


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    headers = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        name, value = name.strip(), unquote(value.strip())
        if not equals or not _HEADER_NAME.fullmatch(name):
            raise RefusedError("it is not a list of headers", "write name=value,name=value")
        if not value.isascii() or not value.isprintable():
            raise RefusedError(f"the value of {name} cannot go into a header", "percent-encode it")
        headers.append((name, value))
    return tuple(headers)


def _milliseconds(text: str) -> float:
    hint = "milliseconds, as the specification has them: 10000"
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise RefusedError("it is not a whole number of milliseconds", hint)
    if int(text) < _LEAST_MILLISECONDS:
        raise RefusedError(
            f"{text} ms is too short to send anything; some SDKs read seconds here", hint
        )
    return int(text) / 1000


def _compression(text: str) -> bool:
    return choice(text, ("gzip", "none")) == "gzip"


def _file(text: str) -> str:
    try:
        with Path(text).open("rb"):
            return text
    except OSError as error:
        reason = error.strerror or str(error)
        raise RefusedError(f"it cannot be read ({reason})", "name a PEM file") from error

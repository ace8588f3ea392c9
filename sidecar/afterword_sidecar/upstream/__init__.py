"""Upstream: the user's own collector or backend, where OpenTelemetry's variables name one.

``Upstream`` passes on what is not evidence, tells each verdict as one wide event, and sends the
span that a lost task never did.
"""

from afterword_sidecar.upstream.answers import Patience
from afterword_sidecar.upstream.destinations import (
    PROTOCOLS,
    SIGNALS,
    Destination,
    Destinations,
    Signal,
)
from afterword_sidecar.upstream.requests import Request
from afterword_sidecar.upstream.stats import DROP_REASONS, UpstreamStats
from afterword_sidecar.upstream.telling import SPANS, VERDICTS, Spans, Telling, Verdicts
from afterword_sidecar.upstream.upstream import Upstream

__all__ = [
    "DROP_REASONS",
    "PROTOCOLS",
    "SIGNALS",
    "SPANS",
    "VERDICTS",
    "Destination",
    "Destinations",
    "Patience",
    "Request",
    "Signal",
    "Spans",
    "Telling",
    "Upstream",
    "UpstreamStats",
    "Verdicts",
]

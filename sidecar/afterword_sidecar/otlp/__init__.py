"""OTLP bytes to facts and back to answers. Pure and synchronous; never raises on hostile input.

``decode_logs``, ``decode_traces`` and ``decode_metrics`` take a body that ``inflate`` has inflated.
They raise ``Undecodable`` or ``TooManyRecords`` (both ``OtlpError``) and nothing else; whatever is
wrong with single records is counted in what they return. ``encode_response`` and ``encode_status``
are the answers.
"""

from afterword_sidecar.otlp.decode import (
    ContentType,
    Signal,
    decode_logs,
    decode_metrics,
    decode_traces,
)
from afterword_sidecar.otlp.decoded import REASONS, Decoded
from afterword_sidecar.otlp.errors import (
    OtlpError,
    TooLarge,
    TooManyRecords,
    Undecodable,
    UnsupportedEncoding,
)
from afterword_sidecar.otlp.inflate import SUPPORTED_ENCODINGS, inflate
from afterword_sidecar.otlp.limits import DecodeLimits
from afterword_sidecar.otlp.responses import encode_response, encode_status
from afterword_sidecar.otlp.spool_lines import decode_spool_lines

__all__ = [
    "REASONS",
    "SUPPORTED_ENCODINGS",
    "ContentType",
    "DecodeLimits",
    "Decoded",
    "OtlpError",
    "Signal",
    "TooLarge",
    "TooManyRecords",
    "Undecodable",
    "UnsupportedEncoding",
    "decode_logs",
    "decode_metrics",
    "decode_spool_lines",
    "decode_traces",
    "encode_response",
    "encode_status",
    "inflate",
]

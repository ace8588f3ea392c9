"""The entry points: a request's body to what it comes to."""

from collections.abc import Iterable
from typing import Literal

from afterword_sidecar.otlp.decoded import Decoded, Gathering
from afterword_sidecar.otlp.json_encoding import (
    JSON_LOGS,
    JSON_TRACES,
    check_json_metrics,
    read_json,
)
from afterword_sidecar.otlp.limits import DEFAULT_LIMITS, DecodeLimits
from afterword_sidecar.otlp.logs import gather_logs
from afterword_sidecar.otlp.protobuf_encoding import (
    build_log_record,
    build_span,
    check_protobuf,
    read_protobuf,
)
from afterword_sidecar.otlp.scoped import Scoped
from afterword_sidecar.otlp.shapes import LogRecord, Span
from afterword_sidecar.otlp.spans import gather_spans

ContentType = Literal["json", "protobuf"]
Signal = Literal["logs", "traces", "metrics", "profiles"]


def decode_logs(
    body: bytes,
    content_type: ContentType,
    received_at: float,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> Decoded:
    """Evidence in an ``ExportLogsServiceRequest``, inflated.

    ``received_at``: the sidecar's clock, Unix seconds. Raises ``Undecodable``, ``TooManyRecords``;
    a bad record is counted in ``rejected``, and the others are kept.
    """
    scopes: Iterable[Scoped[LogRecord]] = (
        read_json(body, JSON_LOGS, limits)
        if content_type == "json"
        else read_protobuf(body, build_log_record, limits)
    )
    gathering = Gathering()
    gather_logs(scopes, gathering, received_at)
    return gathering.decoded(received_at)


def decode_traces(
    body: bytes,
    content_type: ContentType,
    received_at: float,
    limits: DecodeLimits = DEFAULT_LIMITS,
    *,
    unset_completed: frozenset[str] = frozenset(),
) -> Decoded:
    """Closing evidence of foreign SDKs in an ``ExportTraceServiceRequest``, inflated.

    ``unset_completed``: services whose spans that end without a status count as completed, ``*``
    for all. Otherwise as ``decode_logs``.
    """
    scopes: Iterable[Scoped[Span]] = (
        read_json(body, JSON_TRACES, limits)
        if content_type == "json"
        else read_protobuf(body, build_span, limits)
    )
    gathering = Gathering()
    gather_spans(scopes, gathering, unset_completed)
    return gathering.decoded(received_at)


def decode_metrics(
    body: bytes,
    content_type: ContentType,
    received_at: float,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> Decoded:
    """Nothing: metrics are no evidence. They are checked to be what they claim, and passed by.

    What is passed by is not counted. Raises ``Undecodable``, ``TooManyRecords``.
    """
    if content_type == "json":
        check_json_metrics(body, limits)
    else:
        check_protobuf(body, limits)
    return Gathering().decoded(received_at)

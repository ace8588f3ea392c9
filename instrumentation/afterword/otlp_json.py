"""Records as OTLP/JSON, written from templates: 3 µs a record, where the SDK's encoder takes 80.

What comes out is the JSON of one ``LogRecord``; an ``Envelope`` puts any number of them into an
``ExportLogsServiceRequest``. Valid whatever goes in: lone surrogates are replaced (one would cost
the whole batch at a strict reader), numbers that are not finite are left out.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring as _quote_valid
from math import isfinite
from typing import Final

from afterword import names
from afterword.evidence import (
    Failure,
    Instance,
    Invocation,
    Opening,
    Pending,
    Record,
    Rollup,
    Settled,
    Started,
    TaskKind,
)

_INFO: Final = 9
_WARN: Final = 13
_ERROR: Final = 17
_NS: Final = 1e9


def quote(text: str) -> str:
    """A JSON string literal; lone surrogates become ``?``."""
    if text.isascii():
        return _quote_valid(text)
    return _quote_valid(text.encode("utf-8", "replace").decode("utf-8"))


def _text(key: str, value: str) -> str:
    return f',{{"key":"{key}","value":{{"stringValue":{quote(value)}}}}}' if value else ""


def _integer(key: str, value: int) -> str:
    return f',{{"key":"{key}","value":{{"intValue":"{value}"}}}}'


def _double(key: str, value: float | None) -> str:
    if value is None or not isfinite(value):
        return ""
    return f',{{"key":"{key}","value":{{"doubleValue":{float(value)!r}}}}}'


def _head(event: str, severity: int, at_ns: int, sequence: int) -> str:
    return (
        f'{{"timeUnixNano":"{at_ns}","severityNumber":{severity},"eventName":"{event}",'
        f'"attributes":[{{"key":"{names.SEQUENCE}","value":{{"intValue":"{sequence}"}}}}'
    )


def _tail(opening: Opening) -> str:
    """Closes the attributes, then trace id, span id and flags, then the record."""
    if not opening.trace_id:
        return "]}"
    span = f',"spanId":"{opening.span_id:016x}"' if opening.span_id else ""
    return f'],"traceId":"{opening.trace_id:032x}"{span},"flags":{int(opening.sampled)}}}'


@lru_cache(maxsize=4096)
def _labels(kind: TaskKind) -> str:
    return (
        _text(names.NAME, kind.name)
        + _text(names.PLATFORM, kind.platform)
        + _text(names.ORIGIN, kind.origin)
    )


@lru_cache(maxsize=4096)
def _labels_and_function(kind: TaskKind) -> str:
    return _labels(kind) + _text(names.CODE_FUNCTION, kind.function)


def _detail(opening: Opening, *, with_payload: bool = True) -> str:
    """What only the opening of a task tells."""
    attributes = _labels_and_function(opening.kind) + _text(names.HTTP_ROUTE, opening.route)
    if opening.deadline is not None:
        attributes += _double(names.DEADLINE, opening.deadline)
        attributes += _double(names.GUARD_LEAD, opening.guard_lead_seconds or None)
    if opening.invocation:
        attributes += _text(names.INVOCATION_ID, opening.invocation)
    if opening.parent_span_id:
        attributes += _text(names.PARENT_SPAN_ID, f"{opening.parent_span_id:016x}")
    if opening.links:
        attributes += _text(names.LINKS, opening.links)
    if opening.dead_letter:
        attributes += _text(names.DEAD_LETTER, opening.dead_letter)
    if with_payload and opening.payload is not None:
        attributes += _text(names.PAYLOAD, opening.payload)
    elif opening.payload_omitted:
        attributes += _text(names.PAYLOAD_OMITTED, opening.payload_omitted)
    return attributes


def _opening(opening: Opening) -> str:
    head = _head(names.EVENT_SCHEDULED, _INFO, opening.at_ns, opening.sequence)
    return head + _detail(opening) + _tail(opening)


def _started(started: Started) -> str:
    opening = started.opening
    return (
        _head(names.EVENT_STARTED, _INFO, started.at_ns, started.sequence)
        + _integer(names.OPENING_SEQUENCE, opening.sequence)
        + _double(names.START_DELAY, started.start_delay_seconds)
        + _tail(opening)
    )


def _failure(failure: Failure | None) -> str:
    if failure is None:
        return ""
    return (
        _text(names.ERROR_TYPE, failure.error_type)
        + _text(names.EXCEPTION_TYPE, failure.exception_type)
        + _text(names.EXCEPTION_MESSAGE, failure.exception_message)
        + _text(names.EXCEPTION_STACKTRACE, failure.exception_stacktrace)
        + _text(names.AWAITING, failure.awaiting)
    )


def _ending(settled: Settled) -> str:
    severity = _INFO if settled.outcome == names.COMPLETED else _ERROR
    opening = settled.opening
    return (
        _head(names.EVENT_SETTLED, severity, settled.at_ns, settled.sequence)
        + _integer(names.OPENING_SEQUENCE, opening.sequence)
        + _double(names.SCHEDULED_TIME, opening.at_ns / _NS)
        + f',{{"key":"{names.OUTCOME}","value":{{"stringValue":"{settled.outcome}"}}}}'
        f',{{"key":"{names.REASON}","value":{{"stringValue":"{settled.reason}"}}}}'
        + _double(names.DURATION, settled.duration_seconds)
        + _double(names.START_DELAY, settled.start_delay_seconds)
        + _failure(settled.failure)
    )


def _settled(settled: Settled) -> str:
    return _ending(settled) + _labels(settled.opening.kind) + _tail(settled.opening)


def encode_folded(settled: Settled, started_sequence: int = 0) -> str:
    """One record for an opening and its closing, and for the start if its sequence is given.

    Only for records that leave in one batch: the other sequence numbers will never come by
    themselves. The payload of a task that completed is left out; nobody would read it.
    """
    folded = f',{{"key":"{names.FOLDED}","value":{{"boolValue":true}}}}'
    if started_sequence:
        folded += _integer(names.STARTED_SEQUENCE, started_sequence)
    with_payload = settled.outcome != names.COMPLETED
    detail = _detail(settled.opening, with_payload=with_payload)
    return _ending(settled) + folded + detail + _tail(settled.opening)


def _pending(pending: Pending) -> str:
    return (
        _head(names.EVENT_PENDING, _WARN, pending.at_ns, pending.sequence)
        + _integer(names.OPENING_SEQUENCE, pending.opening.sequence)
        + _text(names.REASON, pending.reason)
        + _text(names.AWAITING, pending.awaiting)
        + _tail(pending.opening)
    )


def _invocation(ended: Invocation) -> str:
    return (
        _head(names.EVENT_INVOCATION, _INFO, ended.at_ns, ended.sequence)
        + _text(names.INVOCATION_ID, ended.invocation)
        + _integer(names.INVOCATION_SCHEDULED, ended.scheduled)
        + _integer(names.INVOCATION_STARTED, ended.started)
        + "]}"
    )


def _instance(instance: Instance) -> str:
    return (
        _head(names.EVENT_INSTANCE, _INFO, instance.at_ns, instance.sequence)
        + _text(names.STATE, instance.state)
        + _integer(names.SCHEDULED_TOTAL, instance.scheduled_total)
        + _integer(names.SETTLED_TOTAL, instance.settled_total)
        + _double(names.LEASE_SECONDS, instance.lease_seconds)
        + "]}"
    )


def _rollup(rollup: Rollup) -> str:
    return (
        _head(names.EVENT_ROLLUP, _WARN, rollup.at_ns, rollup.sequence)
        + _labels(rollup.kind)
        + _text(names.OUTCOME, rollup.outcome)
        + _text(names.REASON, rollup.reason)
        + _integer(names.COUNT, rollup.tasks)
        + _text(names.RANGES, " ".join(f"{first}-{last}" for first, last in rollup.ranges))
        + "]}"
    )


_ENCODERS: Final[dict[type, Callable[..., str]]] = {
    Opening: _opening,
    Started: _started,
    Settled: _settled,
    Pending: _pending,
    Invocation: _invocation,
    Instance: _instance,
    Rollup: _rollup,
}


def encode(record: Record) -> str:
    """The OTLP/JSON ``LogRecord`` of a record, without a line end."""
    return _ENCODERS[type(record)](record)


class Envelope:
    """What surrounds the records of one stream: its resource and scope, encoded once."""

    __slots__ = ("prefix", "suffix")

    def __init__(
        self, stream: bytes, resource: Mapping[str, str | bool | int | float], version: str
    ) -> None:
        self.prefix: Final = (
            '{"resourceLogs":[{"resource":{"attributes":['
            + "".join(_any(key, value) for key, value in resource.items())[1:]
            + f']}},"scopeLogs":[{{"scope":{{"name":"{names.SCOPE_NAME}",'
            f'"version":{quote(version)},"attributes":[{{"key":"{names.STREAM}",'
            f'"value":{{"stringValue":"{stream.hex()}"}}}}]}},"logRecords":['
        )
        self.suffix: Final = "]}]}]}"

    def wrap(self, encoded: Iterable[str]) -> bytes:
        """An ``ExportLogsServiceRequest`` of records that ``encode`` made, UTF-8, one line."""
        return f"{self.prefix}{','.join(encoded)}{self.suffix}".encode()

    def line(self, encoded: str) -> bytes:
        """The request of a single record, ended by a newline: a line of a spool segment."""
        return f"{self.prefix}{encoded}{self.suffix}\n".encode()


def _any(key: str, value: str | bool | float) -> str:  # noqa: FBT001 - an attribute's value
    """One resource attribute; its key is not ours, so it is quoted too."""
    if isinstance(value, bool):
        encoded = f'"boolValue":{str(value).lower()}'
    elif isinstance(value, int):
        encoded = f'"intValue":"{value}"'
    elif isinstance(value, float):
        if not isfinite(value):
            return ""
        encoded = f'"doubleValue":{value!r}'
    else:
        encoded = f'"stringValue":{quote(value)}'
    return f',{{"key":{quote(key)},"value":{{{encoded}}}}}'

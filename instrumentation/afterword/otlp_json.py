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
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8


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


def _head_of(event: str, severity: int) -> str:
    """What stands between a record's time and its sequence: made once per event, at import."""
    return (
        f'","severityNumber":{severity},"eventName":"{event}","attributes":['
        f'{{"key":"{names.SEQUENCE}","value":{{"intValue":"'
    )


def opens(key: str, kind: str) -> str:
    """An attribute up to its value, which the caller writes and ends with ``}}`` or ``"}}``."""
    quoted = "" if kind == "doubleValue" else '"'
    return f',{{"key":"{key}","value":{{"{kind}":{quoted}'


SCHEDULED_HEAD: Final = _head_of(names.EVENT_SCHEDULED, _INFO)
STARTED_HEAD: Final = _head_of(names.EVENT_STARTED, _INFO)
COMPLETED_HEAD: Final = _head_of(names.EVENT_SETTLED, _INFO)
_LOST_HEAD: Final = _head_of(names.EVENT_SETTLED, _ERROR)
_PENDING_HEAD: Final = _head_of(names.EVENT_PENDING, _WARN)
_INVOCATION_HEAD: Final = _head_of(names.EVENT_INVOCATION, _INFO)
_INSTANCE_HEAD: Final = _head_of(names.EVENT_INSTANCE, _INFO)
_ROLLUP_HEAD: Final = _head_of(names.EVENT_ROLLUP, _WARN)

OPENING_SEQUENCE: Final = '"}}' + opens(names.OPENING_SEQUENCE, "intValue")
_START_DELAY: Final = opens(names.START_DELAY, "doubleValue")
_THEN_START_DELAY: Final = '"}}' + _START_DELAY
_THEN_SCHEDULED_TIME: Final = '"}}' + opens(names.SCHEDULED_TIME, "doubleValue")
_OUTCOME: Final = opens(names.OUTCOME, "stringValue")
_THEN_REASON: Final = '"}}' + opens(names.REASON, "stringValue")
COMPLETED_ATTRIBUTES: Final = f'{_OUTCOME}{names.COMPLETED}{_THEN_REASON}{names.COMPLETED}"}}}}'
_DURATION: Final = opens(names.DURATION, "doubleValue")
PARENT_SPAN_ID: Final = opens(names.PARENT_SPAN_ID, "stringValue")
FOLDED: Final = f',{{"key":"{names.FOLDED}","value":{{"boolValue":true}}}}'
_THEN_STARTED_SEQUENCE: Final = FOLDED + opens(names.STARTED_SEQUENCE, "intValue")


def _tail(opening: Opening) -> str:
    return tail((opening.trace_id, opening.span_id, 0, opening.sampled, ""))


def tail(place: tuple[int, int, int, bool, str]) -> str:
    """Ends the attributes, then tells the trace id, span id and flags of a ``Place``."""
    trace_id, span_id, _, sampled, _ = place
    if not trace_id:
        return "]}"
    flags = "1}" if sampled else "0}"
    trace = trace_id.to_bytes(_TRACE_ID_BYTES).hex()  # in half the time of a format
    if span_id:
        span = span_id.to_bytes(_SPAN_ID_BYTES).hex()
        return f'],"traceId":"{trace}","spanId":"{span}","flags":{flags}'
    return f'],"traceId":"{trace}","flags":{flags}'


def _head(head: str, at_ns: int, sequence: int) -> str:
    return f'{{"timeUnixNano":"{at_ns}{head}{sequence}"}}}}'


@lru_cache(maxsize=4096)
def labels(kind: TaskKind) -> str:
    """What every opening and closing tells of its kind."""
    return (
        _text(names.NAME, kind.name)
        + _text(names.PLATFORM, kind.platform)
        + _text(names.ORIGIN, kind.origin)
    )


@lru_cache(maxsize=4096)
def labels_and_function(kind: TaskKind) -> str:
    """What every opening tells of its kind."""
    return labels(kind) + _text(names.CODE_FUNCTION, kind.function)


def place_of_opening(parent_span_id: int, links: str) -> str:
    """Where in a trace the task stands, as far as no field says it."""
    attributes = ""
    if parent_span_id:
        attributes = f'{PARENT_SPAN_ID}{parent_span_id.to_bytes(_SPAN_ID_BYTES).hex()}"}}}}'
    return f"{attributes}{_text(names.LINKS, links)}" if links else attributes


def detail(opening: Opening, *, with_payload: bool = True) -> str:
    """What few openings tell."""
    (_, _, _, deadline, lead, route, invocation, _, _, _, _, _, dead, payload, why) = opening
    attributes = ""
    if deadline is not None:
        attributes += _double(names.DEADLINE, deadline)
        attributes += _double(names.GUARD_LEAD, lead or None)
    if route:
        attributes += _text(names.HTTP_ROUTE, route)
    if invocation:
        attributes += _text(names.INVOCATION_ID, invocation)
    if dead:
        attributes += _text(names.DEAD_LETTER, dead)
    if payload is not None:
        attributes += _text(names.PAYLOAD, payload) if with_payload else ""
    elif why:
        attributes += _text(names.PAYLOAD_OMITTED, why)
    return attributes


def _of_opening(opening: Opening) -> str:
    """What every opening tells, beside its number and its time."""
    return labels_and_function(opening.kind) + place_of_opening(
        opening.parent_span_id, opening.links
    )


def _opening(opening: Opening) -> str:
    return (
        f'{{"timeUnixNano":"{opening.at_ns}{SCHEDULED_HEAD}{opening.sequence}"}}}}'
        f"{_of_opening(opening)}{detail(opening)}{_tail(opening)}"
    )


def _started(started: Started) -> str:
    sequence, at_ns, opening, delay = started
    return (
        f'{{"timeUnixNano":"{at_ns}{STARTED_HEAD}{sequence}{OPENING_SEQUENCE}'
        f"{opening.sequence}{_THEN_START_DELAY}{delay:.9f}}}}}{_tail(opening)}"
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
    """A closing without what it repeats of its opening.

    Durations to the nanosecond: three times as fast as the shortest text that reads back equal. The
    scheduled time as a count of nanoseconds with an exponent: four times as fast as a float's text.
    """
    sequence, at_ns, opening, outcome, reason, duration, delay, failure = settled
    timing = ""
    if duration is not None:
        timing = f"{_DURATION}{duration:.9f}}}}}"
    if delay is not None:
        timing = f"{timing}{_START_DELAY}{delay:.9f}}}}}"
    if failure is None and outcome == names.COMPLETED:
        head, ending = COMPLETED_HEAD, COMPLETED_ATTRIBUTES
    else:
        head = _LOST_HEAD
        ending = f'{_OUTCOME}{outcome}{_THEN_REASON}{reason}"}}}}{_failure(failure)}'
    return (
        f'{{"timeUnixNano":"{at_ns}{head}{sequence}{OPENING_SEQUENCE}{opening.sequence}'
        f"{_THEN_SCHEDULED_TIME}{opening.at_ns}e-9}}}}{ending}{timing}"
    )


def _settled(settled: Settled) -> str:
    opening = settled.opening
    return f"{_ending(settled)}{labels(opening.kind)}{_tail(opening)}"


def encode_folded(settled: Settled, started_sequence: int = 0) -> str:
    """One record for an opening and its closing, and for the start if its sequence is given.

    Only for records that leave in one batch: the other sequence numbers will never come by
    themselves. The payload of a task that completed is left out; nobody would read it.
    """
    opening = settled.opening
    folded = f'{_THEN_STARTED_SEQUENCE}{started_sequence}"}}}}' if started_sequence else FOLDED
    with_payload = settled.outcome != names.COMPLETED
    told = _of_opening(opening) + detail(opening, with_payload=with_payload)
    return f"{_ending(settled)}{folded}{told}{_tail(opening)}"


def _pending(pending: Pending) -> str:
    return (
        _head(_PENDING_HEAD, pending.at_ns, pending.sequence)
        + _integer(names.OPENING_SEQUENCE, pending.opening.sequence)
        + _text(names.REASON, pending.reason)
        + _text(names.AWAITING, pending.awaiting)
        + _tail(pending.opening)
    )


def _invocation(ended: Invocation) -> str:
    return (
        _head(_INVOCATION_HEAD, ended.at_ns, ended.sequence)
        + _text(names.INVOCATION_ID, ended.invocation)
        + _integer(names.INVOCATION_SCHEDULED, ended.scheduled)
        + _integer(names.INVOCATION_STARTED, ended.started)
        + "]}"
    )


def _instance(instance: Instance) -> str:
    return (
        _head(_INSTANCE_HEAD, instance.at_ns, instance.sequence)
        + _text(names.STATE, instance.state)
        + _integer(names.SCHEDULED_TOTAL, instance.scheduled_total)
        + _integer(names.SETTLED_TOTAL, instance.settled_total)
        + _double(names.LEASE_SECONDS, instance.lease_seconds)
        + "]}"
    )


def _rollup(rollup: Rollup) -> str:
    return (
        _head(_ROLLUP_HEAD, rollup.at_ns, rollup.sequence)
        + labels(rollup.kind)
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

    __slots__ = ("_head", "_tail", "prefix", "suffix")

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
        self._head: Final = self.prefix.encode()
        self._tail: Final = self.suffix.encode()

    def join(self, encoded: list[bytes]) -> bytes:
        """An ``ExportLogsServiceRequest`` of one or more records that ``encode`` made, as UTF-8.

        Copies it all once: a batch may be larger than the processor's cache, and three copies cost
        nearly as much as encoding it.
        """
        parts = encoded.copy()
        parts[0] = self._head + parts[0]
        parts[-1] += self._tail
        return b",".join(parts)

    def wrap(self, encoded: Iterable[str]) -> bytes:
        """An ``ExportLogsServiceRequest`` of records that ``encode`` made, UTF-8, one line."""
        return self.join([each.encode() for each in encoded])

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

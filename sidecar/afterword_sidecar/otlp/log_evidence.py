"""A log record becomes a fact, or is rejected: what each event must carry, and how it is read."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from afterword import names
from afterword_sidecar.ledger.facts import (
    FOREIGN_PENDING,
    FOREIGN_SCHEDULED,
    FOREIGN_SETTLED,
    FOREIGN_STARTED,
    MAX_SEQUENCE,
    Fact,
    Instance,
    InvocationEnded,
    Pending,
    Rollup,
    Scheduled,
    Settled,
    Started,
)
from afterword_sidecar.otlp.limits import (
    MESSAGE_CHARACTERS,
    NAME_CHARACTERS,
    PAYLOAD_CHARACTERS,
    STACK_CHARACTERS,
)
from afterword_sidecar.otlp.outcomes import outcome_and_reason
from afterword_sidecar.otlp.rollups import ranges_of
from afterword_sidecar.otlp.shapes import ABSENT, AnyValue, LogRecord
from afterword_sidecar.otlp.values import (
    LABELS,
    Attributes,
    Rejected,
    clean,
    flag,
    integer,
    seconds,
    span_id,
    text,
    trace_id,
)

UNKNOWN_PLATFORM: Final = "unknown"
ORIGINS: Final[dict[str | None, str]] = {names.ORIGIN_REPLAY: names.ORIGIN_REPLAY}
"""By how it came; anything else is the application's own."""
_SAMPLED: Final = 1  # the lowest of the W3C trace flags
_PENDING_REASONS: Final = (names.PENDING_DEADLINE_NEAR, names.PENDING_SHUTDOWN)
_STATES: Final = (names.INSTANCE_UP, names.INSTANCE_BEAT, names.INSTANCE_DOWN)


class Event(msgspec.Struct, frozen=True):
    """How one kind of event is read."""

    read: Callable[[LogRecord, Attributes, int, int, float], Fact]
    """(record, attributes, sequence, opening's sequence or 0, Unix seconds) to the fact."""
    common: Attributes
    """The attributes it usually has, all ``ABSENT``: what is read of a record goes over a copy, so
    that ``read`` may subscript them, which takes half the time of a ``get`` with a default."""
    foreign_sequence: int
    """Its number in a foreign task's stream; 0 for what only our instrumentation can tell."""
    follows_opening: bool = True
    """It names the opening it belongs to."""


def _common(*keys: str) -> Attributes:
    return dict.fromkeys((names.SEQUENCE, names.OPENING_SEQUENCE, *keys), ABSENT)


def task_of(attributes: Attributes) -> str:
    """The task's name. Raises ``Rejected`` where there is none."""
    task = LABELS[attributes.get(names.NAME, ABSENT).string_value]
    if not task:
        raise Rejected("no_name")
    return task


def _deadline(attributes: Attributes) -> float | None:
    deadline = seconds(attributes.get(names.DEADLINE, ABSENT))
    if deadline == 0.0:
        raise Rejected("bad_number")
    return deadline


def _payload(attributes: Attributes) -> tuple[str | None, str]:
    """(payload, why there is none)."""
    value = attributes.get(names.PAYLOAD)
    if value is None:
        return None, text(attributes.get(names.PAYLOAD_OMITTED, ABSENT), NAME_CHARACTERS)
    payload = value.string_value
    if payload is None:
        return None, "the payload was not sent as a string"
    if len(payload) > PAYLOAD_CHARACTERS:
        return None, (
            f"the payload has {len(payload)} characters, the sidecar takes {PAYLOAD_CHARACTERS}"
        )
    return clean(payload, PAYLOAD_CHARACTERS), ""


_SCHEDULED: Final = _common(
    names.NAME,
    names.PLATFORM,
    names.ORIGIN,
    names.CODE_FUNCTION,
    names.DEADLINE,
    names.GUARD_LEAD,
    names.HTTP_ROUTE,
    names.INVOCATION_ID,
    names.PARENT_SPAN_ID,
)


def _scheduled(
    record: LogRecord, attributes: Attributes, sequence: int, _opening: int, at: float
) -> Scheduled:
    fact = Scheduled(
        sequence,
        at,
        task_of(attributes),
        LABELS[attributes[names.PLATFORM].string_value] or UNKNOWN_PLATFORM,
        ORIGINS.get(attributes[names.ORIGIN].string_value, names.ORIGIN_APP),
        _deadline(attributes),
        seconds(attributes[names.GUARD_LEAD]) or 0.0,
        LABELS[attributes[names.CODE_FUNCTION].string_value],
        LABELS[attributes[names.HTTP_ROUTE].string_value],
        text(attributes[names.INVOCATION_ID], NAME_CHARACTERS),
        trace_id(record.trace_id),
        span_id(record.span_id),
        span_id(attributes[names.PARENT_SPAN_ID].string_value),
        ((record.flags or 0) & _SAMPLED) == _SAMPLED,
    )
    if len(attributes) == len(_SCHEDULED):
        return fact
    get = attributes.get
    payload, payload_omitted = _payload(attributes)
    return replace(
        fact,
        links=text(get(names.LINKS, ABSENT), MESSAGE_CHARACTERS),
        dead_letter=text(get(names.DEAD_LETTER, ABSENT), NAME_CHARACTERS),
        payload=payload,
        payload_omitted=payload_omitted,
    )


def _started(
    _record: LogRecord, attributes: Attributes, sequence: int, opening: int, at: float
) -> Started:
    return Started(sequence, opening, at, seconds(attributes[names.START_DELAY]))


_SETTLED: Final = _common(
    names.NAME,
    names.PLATFORM,
    names.ORIGIN,
    names.OUTCOME,
    names.REASON,
    names.SCHEDULED_TIME,
    names.DURATION,
    names.START_DELAY,
)


def _settled(
    record: LogRecord, attributes: Attributes, sequence: int, opening: int, at: float
) -> Settled:
    outcome, reason = outcome_and_reason(
        attributes[names.OUTCOME].string_value, attributes[names.REASON].string_value
    )
    fact = Settled(
        sequence,
        opening,
        at,
        task_of(attributes),
        outcome,
        reason,
        LABELS[attributes[names.PLATFORM].string_value] or UNKNOWN_PLATFORM,
        ORIGINS.get(attributes[names.ORIGIN].string_value, names.ORIGIN_APP),
        seconds(attributes[names.SCHEDULED_TIME]),
        seconds(attributes[names.DURATION]),
        seconds(attributes[names.START_DELAY]),
        trace_id=trace_id(record.trace_id),
        span_id=span_id(record.span_id),
    )
    if len(attributes) == len(_SETTLED):
        return fact
    failure = {} if outcome is names.COMPLETED else _failure(attributes)
    folded = flag(attributes.get(names.FOLDED, ABSENT))
    opened = _opened(record, attributes, sequence, opening) if folded else {}
    return replace(fact, **failure, **opened) if failure or opened else fact


def _failure(attributes: Attributes) -> dict[str, str]:
    get = attributes.get
    return {
        "error_type": LABELS[get(names.ERROR_TYPE, ABSENT).string_value],
        "exception_type": LABELS[get(names.EXCEPTION_TYPE, ABSENT).string_value],
        "exception_message": text(get(names.EXCEPTION_MESSAGE, ABSENT), MESSAGE_CHARACTERS),
        "exception_stacktrace": text(get(names.EXCEPTION_STACKTRACE, ABSENT), STACK_CHARACTERS),
        "awaiting": text(get(names.AWAITING, ABSENT), MESSAGE_CHARACTERS),
    }


def _opened(
    record: LogRecord, attributes: Attributes, sequence: int, opening: int
) -> dict[str, Any]:
    """What the opening would have told, were it not folded into its closing."""
    get = attributes.get
    started = integer(get(names.STARTED_SEQUENCE, ABSENT), "bad_sequence") or 0
    if started and not opening < started < sequence:
        raise Rejected("bad_sequence")
    payload, payload_omitted = _payload(attributes)
    return {
        "folded": True,
        "started_sequence": started,
        "deadline": _deadline(attributes),
        "function": LABELS[get(names.CODE_FUNCTION, ABSENT).string_value],
        "route": LABELS[get(names.HTTP_ROUTE, ABSENT).string_value],
        "invocation": text(get(names.INVOCATION_ID, ABSENT), NAME_CHARACTERS),
        "parent_span_id": span_id(get(names.PARENT_SPAN_ID, ABSENT).string_value),
        "sampled": ((record.flags or 0) & _SAMPLED) == _SAMPLED,
        "dead_letter": text(get(names.DEAD_LETTER, ABSENT), NAME_CHARACTERS),
        "payload": payload,
        "payload_omitted": payload_omitted,
    }


def _pending(
    _record: LogRecord, attributes: Attributes, sequence: int, opening: int, at: float
) -> Pending:
    reason = LABELS[attributes.get(names.REASON, ABSENT).string_value]
    if reason not in _PENDING_REASONS:
        raise Rejected("bad_reason")
    awaiting = text(attributes.get(names.AWAITING, ABSENT), MESSAGE_CHARACTERS)
    return Pending(sequence, opening, at, reason, awaiting)


def _count(value: AnyValue) -> int:
    count = integer(value, "bad_count") or 0
    if not 0 <= count <= MAX_SEQUENCE:
        raise Rejected("bad_count")
    return count


def _invocation(
    _record: LogRecord, attributes: Attributes, sequence: int, _opening: int, at: float
) -> InvocationEnded:
    get = attributes.get
    invocation = text(get(names.INVOCATION_ID, ABSENT), NAME_CHARACTERS)
    if not invocation:
        raise Rejected("no_invocation")
    return InvocationEnded(
        sequence,
        at,
        invocation,
        _count(get(names.INVOCATION_SCHEDULED, ABSENT)),
        _count(get(names.INVOCATION_STARTED, ABSENT)),
    )


def _instance(
    _record: LogRecord, attributes: Attributes, sequence: int, _opening: int, at: float
) -> Instance:
    get = attributes.get
    state = LABELS[get(names.STATE, ABSENT).string_value]
    if state not in _STATES:
        raise Rejected("bad_state")
    return Instance(
        sequence,
        at,
        state,
        _count(get(names.SCHEDULED_TOTAL, ABSENT)),
        _count(get(names.SETTLED_TOTAL, ABSENT)),
        # A lease of no length promises nothing.
        seconds(get(names.LEASE_SECONDS, ABSENT)) or None,
    )


def _rollup(
    _record: LogRecord, attributes: Attributes, sequence: int, _opening: int, at: float
) -> Rollup:
    get = attributes.get
    count = _count(get(names.COUNT, ABSENT))
    return Rollup(
        sequence,
        at,
        task_of(attributes),
        *outcome_and_reason(
            get(names.OUTCOME, ABSENT).string_value, get(names.REASON, ABSENT).string_value
        ),
        count,
        ranges_of(get(names.RANGES, ABSENT).string_value or "", count),
        LABELS[get(names.PLATFORM, ABSENT).string_value] or UNKNOWN_PLATFORM,
        ORIGINS.get(get(names.ORIGIN, ABSENT).string_value, names.ORIGIN_APP),
    )


EVENTS: Final[dict[str | None, Event]] = {
    names.EVENT_SCHEDULED: Event(_scheduled, _SCHEDULED, FOREIGN_SCHEDULED, follows_opening=False),
    names.EVENT_STARTED: Event(_started, _common(names.START_DELAY), FOREIGN_STARTED),
    names.EVENT_SETTLED: Event(_settled, _SETTLED, FOREIGN_SETTLED),
    names.EVENT_PENDING: Event(_pending, _common(), FOREIGN_PENDING),
    names.EVENT_INVOCATION: Event(_invocation, _common(), 0, follows_opening=False),
    names.EVENT_INSTANCE: Event(_instance, _common(), 0, follows_opening=False),
    names.EVENT_ROLLUP: Event(_rollup, _common(), 0, follows_opening=False),
}
"""How each event name is read; what is not here is not evidence."""

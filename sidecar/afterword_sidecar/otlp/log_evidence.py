"""A log record becomes a fact, or is rejected: what each event must carry, and how it is read."""

from collections.abc import Callable
from typing import Final, NamedTuple

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


class Event(NamedTuple):
    """How one kind of event is read."""

    read: Callable[[LogRecord, Attributes, int, int, float], Fact]
    """(record, attributes, sequence, opening's sequence or 0, Unix seconds) to the fact."""
    foreign_sequence: int
    """Its number in a foreign task's stream; 0 for what only our instrumentation can tell."""
    follows_opening: bool = True
    """It names the opening it belongs to."""


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


def _scheduled(
    record: LogRecord, attributes: Attributes, sequence: int, _opening: int, at: float
) -> Scheduled:
    get = attributes.get
    return Scheduled(
        sequence,
        at,
        task_of(attributes),
        LABELS[get(names.PLATFORM, ABSENT).string_value] or UNKNOWN_PLATFORM,
        ORIGINS.get(get(names.ORIGIN, ABSENT).string_value, names.ORIGIN_APP),
        _deadline(attributes),
        seconds(get(names.GUARD_LEAD, ABSENT)) or 0.0,
        LABELS[get(names.CODE_FUNCTION, ABSENT).string_value],
        LABELS[get(names.HTTP_ROUTE, ABSENT).string_value],
        text(get(names.INVOCATION_ID, ABSENT), NAME_CHARACTERS),
        trace_id(record.trace_id),
        span_id(record.span_id),
        span_id(get(names.PARENT_SPAN_ID, ABSENT).string_value),
        ((record.flags or 0) & _SAMPLED) == _SAMPLED,
        text(get(names.LINKS, ABSENT), MESSAGE_CHARACTERS),
        text(get(names.DEAD_LETTER, ABSENT), NAME_CHARACTERS),
        *_payload(attributes),
    )


def _started(
    _record: LogRecord, attributes: Attributes, sequence: int, opening: int, at: float
) -> Started:
    return Started(sequence, opening, at, seconds(attributes.get(names.START_DELAY, ABSENT)))


_NO_FAILURE: Final = ("", "", "", "", "")


def _settled(
    record: LogRecord, attributes: Attributes, sequence: int, opening: int, at: float
) -> Settled:
    get = attributes.get
    outcome, reason = outcome_and_reason(
        get(names.OUTCOME, ABSENT).string_value, get(names.REASON, ABSENT).string_value
    )
    failure = _NO_FAILURE if outcome is names.COMPLETED else _failure(attributes)
    folded = flag(get(names.FOLDED, ABSENT))
    return Settled(
        sequence,
        opening,
        at,
        task_of(attributes),
        outcome,
        reason,
        LABELS[get(names.PLATFORM, ABSENT).string_value] or UNKNOWN_PLATFORM,
        ORIGINS.get(get(names.ORIGIN, ABSENT).string_value, names.ORIGIN_APP),
        seconds(get(names.SCHEDULED_TIME, ABSENT)),
        seconds(get(names.DURATION, ABSENT)),
        seconds(get(names.START_DELAY, ABSENT)),
        *failure,
        trace_id(record.trace_id),
        span_id(record.span_id),
        *(_folded(record, attributes, sequence, opening) if folded else ()),
    )


def _failure(attributes: Attributes) -> tuple[str, str, str, str, str]:
    """Error type, exception type, message, stack, innermost frame."""
    get = attributes.get
    return (
        LABELS[get(names.ERROR_TYPE, ABSENT).string_value],
        LABELS[get(names.EXCEPTION_TYPE, ABSENT).string_value],
        text(get(names.EXCEPTION_MESSAGE, ABSENT), MESSAGE_CHARACTERS),
        text(get(names.EXCEPTION_STACKTRACE, ABSENT), STACK_CHARACTERS),
        text(get(names.AWAITING, ABSENT), MESSAGE_CHARACTERS),
    )


_Folded = tuple[bool, int, float | None, str, str, str, bytes, bool, str, str | None, str]


def _folded(record: LogRecord, attributes: Attributes, sequence: int, opening: int) -> _Folded:
    """What the opening would have told, in the order of ``Settled``'s last fields."""
    get = attributes.get
    started = integer(get(names.STARTED_SEQUENCE, ABSENT), "bad_sequence") or 0
    if started and not opening < started < sequence:
        raise Rejected("bad_sequence")
    return (
        True,
        started,
        _deadline(attributes),
        LABELS[get(names.CODE_FUNCTION, ABSENT).string_value],
        LABELS[get(names.HTTP_ROUTE, ABSENT).string_value],
        text(get(names.INVOCATION_ID, ABSENT), NAME_CHARACTERS),
        span_id(get(names.PARENT_SPAN_ID, ABSENT).string_value),
        ((record.flags or 0) & _SAMPLED) == _SAMPLED,
        text(get(names.DEAD_LETTER, ABSENT), NAME_CHARACTERS),
        *_payload(attributes),
    )


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
    names.EVENT_SCHEDULED: Event(_scheduled, FOREIGN_SCHEDULED, follows_opening=False),
    names.EVENT_STARTED: Event(_started, FOREIGN_STARTED),
    names.EVENT_SETTLED: Event(_settled, FOREIGN_SETTLED),
    names.EVENT_PENDING: Event(_pending, FOREIGN_PENDING),
    names.EVENT_INVOCATION: Event(_invocation, 0, follows_opening=False),
    names.EVENT_INSTANCE: Event(_instance, 0, follows_opening=False),
    names.EVENT_ROLLUP: Event(_rollup, 0, follows_opening=False),
}
"""How each event name is read; what is not here is not evidence."""

"""One task's records as OTLP/JSON, from templates that its kind has filled in as far as it can.

What comes out is what ``otlp_json`` makes of the same facts, in another order of attributes, in
half the time. What few tasks have (no start, a failure) is left to it.

Times are written as counts of nanoseconds, with an exponent where seconds are asked for: four times
as fast as a float's text.
"""

from typing import TYPE_CHECKING, Final

from afterword import names, otlp_json
from afterword.endings import COMPLETED
from afterword.otlp_json import (
    COMPLETED_ATTRIBUTES,
    COMPLETED_HEAD,
    FOLDED,
    OPENING_SEQUENCE,
    PARENT_SPAN_ID,
    SCHEDULED_HEAD,
    STARTED_HEAD,
    opens,
)
from afterword.otlp_json import tail as trace_tail
from afterword.task_record import NO_DETAIL, NOWHERE

if TYPE_CHECKING:
    from afterword.task_record import KnownKind, Place, TaskRecord

_SPAN_ID_BYTES: Final = 8
_TIME: Final = '{"timeUnixNano":"'
_THEN_START_DELAY: Final = '"}}' + opens(names.START_DELAY, "doubleValue")
_THEN_SCHEDULED_TIME: Final = '"}}' + opens(names.SCHEDULED_TIME, "doubleValue")
_SECONDS_THEN_DURATION: Final = "e-9}}" + opens(names.DURATION, "doubleValue")
_SECONDS_THEN_START_DELAY: Final = "e-9}}" + opens(names.START_DELAY, "doubleValue")
_SECONDS_THEN_STARTED: Final = "e-9}}" + opens(names.STARTED_SEQUENCE, "intValue")


def _texts(known: "KnownKind") -> tuple[str, str, str]:
    """Of an opening, of a closing of what completed, and of both in one; made once a kind.

    They end the number before them, and leave the record's attributes open.
    """
    kind = known.kind
    labels = otlp_json.labels(kind)
    with_function = otlp_json.labels_and_function(kind)
    known.texts = texts = (
        f'"}}}}{with_function}',
        f"e-9}}}}{COMPLETED_ATTRIBUTES}{labels}",
        f'"}}}}{COMPLETED_ATTRIBUTES}{FOLDED}{with_function}',
    )
    return texts


def opening(task: "TaskRecord") -> str:
    """It was handed over."""
    text, _, _ = task.known.texts or _texts(task.known)
    place = task.place
    tail = "]}" if place is NOWHERE else _parent(place) + trace_tail(place)
    if task.detail is not NO_DETAIL:
        text += otlp_json.detail(task.opening)
    return f"{_TIME}{task.at_ns}{SCHEDULED_HEAD}{task.sequence}{text}{tail}"


def started(task: "TaskRecord", at_ns: int) -> str:
    """It had its first step."""
    tail = "]}" if task.place is NOWHERE else trace_tail(task.place)
    return (
        f"{_TIME}{at_ns}{STARTED_HEAD}{task.started_sequence}{OPENING_SEQUENCE}{task.sequence}"
        f"{_THEN_START_DELAY}{task.start_delay_ns}e-9}}}}{tail}"
    )


def closing(task: "TaskRecord") -> str:
    """It ended."""
    if task.ending is not COMPLETED or not task.started_sequence or task.failure is not None:
        return otlp_json.encode(task.as_settled())
    _, text, _ = task.known.texts or _texts(task.known)
    tail = "]}" if task.place is NOWHERE else trace_tail(task.place)
    return (
        f"{_TIME}{task.settled_at_ns}{COMPLETED_HEAD}{task.settled_sequence}{OPENING_SEQUENCE}"
        f"{task.sequence}{_THEN_SCHEDULED_TIME}{task.at_ns}{_SECONDS_THEN_DURATION}"
        f"{task.duration_ns}{_SECONDS_THEN_START_DELAY}{task.start_delay_ns}{text}{tail}"
    )


def folded(task: "TaskRecord") -> str:
    """It was handed over, started and ended: one record for all, if none of it has left before.

    The payload of a task that completed is left out; nobody would read it.
    """
    if task.ending is not COMPLETED or not task.started_sequence or task.failure is not None:
        return otlp_json.encode_folded(task.as_settled(), task.started_sequence)
    _, _, text = task.known.texts or _texts(task.known)
    place = task.place
    tail = "]}" if place is NOWHERE else _parent(place) + trace_tail(place)
    if task.detail is not NO_DETAIL:
        text += otlp_json.detail(task.opening, with_payload=False)
    return (
        f"{_TIME}{task.settled_at_ns}{COMPLETED_HEAD}{task.settled_sequence}{OPENING_SEQUENCE}"
        f"{task.sequence}{_THEN_SCHEDULED_TIME}{task.at_ns}{_SECONDS_THEN_DURATION}"
        f"{task.duration_ns}{_SECONDS_THEN_START_DELAY}{task.start_delay_ns}"
        f"{_SECONDS_THEN_STARTED}{task.started_sequence}{text}{tail}"
    )


def _parent(place: "Place") -> str:
    """The attributes that only an opening tells of its place."""
    parent, links = place[2], place[4]
    if links:
        return otlp_json.place_of_opening(parent, links)
    return f'{PARENT_SPAN_ID}{parent.to_bytes(_SPAN_ID_BYTES).hex()}"}}}}' if parent else ""

"""The API's parameters as data: reading them, refusing them, and documenting them.

A parameter that is not known, given twice or not understood is an error and never ignored: a
filter that was lost on the way must not mean "all".
"""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from afterword import names

LARGEST_PAGE: Final = 500
LARGEST_PAGE_WITH_PAYLOADS: Final = 50
IN_FLIGHT: Final = "in_flight"
_LONGEST_VALUE: Final = 2_000
_REASONS: Final = (*sorted({r for rs in names.REASONS.values() for r in rs}), names.OTHER_REASON)


class ParameterError(Exception):
    """A parameter cannot be used: ``parameter`` names it, the message says why."""

    def __init__(self, parameter: str, why: str) -> None:
        super().__init__(f"{parameter}: {why}")
        self.parameter = parameter


class Parameter(msgspec.Struct, frozen=True):
    """One query parameter."""

    name: str
    description: str
    schema: dict[str, Any]
    parse: Callable[[str], object]
    """Raises ``ValueError`` with what is wrong."""


def read(parameters: Iterable[Parameter], query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The values given, by name; those not given are absent. Raises ``ParameterError``."""
    known: Mapping[str, Parameter] = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for name, text in query:
        if name not in known:
            raise ParameterError(
                name[:80], f"there is no such parameter; known: {', '.join(known)}"
            )
        if name in values:
            raise ParameterError(name, "it is given twice")
        if not text or len(text) > _LONGEST_VALUE:
            raise ParameterError(name, "it is empty" if not text else "it is too long")
        try:
            values[name] = known[name].parse(text)
        except ValueError as error:
            raise ParameterError(name, str(error)) from None
    if values.get("since", -math.inf) >= values.get("until", math.inf):
        raise ParameterError("until", "it is not after since")
    return values


def moment_seconds(text: str) -> float:
    """Unix seconds from RFC 3339 or a Unix number. Raises ``ValueError``."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text.upper())  # RFC 3339 allows t and z
        except ValueError:
            raise ValueError(
                "it is not a moment: write 2026-11-23T19:00:00Z or Unix seconds"
            ) from None
        if at.tzinfo is None:
            raise ValueError("it has no time zone: write 2026-11-23T19:00:00Z") from None
        return at.timestamp()
    if not math.isfinite(seconds):
        raise ValueError("it is not a finite number")
    return seconds


def _moment_in_url(text: str) -> float:
    try:
        return moment_seconds(text)
    except ValueError as error:
        # What was sent as +01:00 arrives with a blank, and looks right to whoever sent it.
        hint = " (a + in a URL must be %2B)" if " " in text else ""
        raise ValueError(f"{error}{hint}") from None


def _limit(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        whole = text.isascii() and text.isdigit() and len(text) <= len(str(most))
        if not (whole and 1 <= int(text) <= most):
            raise ValueError(f"it is not a number from 1 to {most}")
        return int(text)

    return parse


def _one_of(*options: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(f"it is not one of {', '.join(options)}")
        return text

    return parse


def _choice(name: str, description: str, *options: str) -> Parameter:
    schema = {"type": "string", "enum": list(options)}
    return Parameter(name, description, schema, _one_of(*options))


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it is not UTF-8") from None
    return text


def _text(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string", "minLength": 1}, _utf8)


def _moment(name: str, description: str) -> Parameter:
    either = {
        "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}],
    }
    return Parameter(name, f"{description}; RFC 3339 or Unix seconds.", either, _moment_in_url)


_SHARED: Final = (
    _text("service", "Its service (`namespace/name`), or the label it is counted under."),
    _text("task", "Its name, or the label it is counted under."),
    _choice("reason", "Why it came to its outcome.", *_REASONS),
)
_PAGING: Final = (
    Parameter(
        "limit",
        f"The most items of a page; with payloads at most {LARGEST_PAGE_WITH_PAYLOADS}.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": 100},
        _limit(LARGEST_PAGE),
    ),
    _text("cursor", "`next_cursor` of the page before; with the same filters."),
)

TASK_PARAMETERS: Final = (
    *_SHARED,
    _choice("outcome", "Its outcome; `in_flight`: not ended yet.", IN_FLIGHT, *names.OUTCOMES),
    _moment("since", "Settled (or, in flight, scheduled) at or after"),
    _moment("until", "Settled (or, in flight, scheduled) before"),
    *_PAGING,
)
_ERROR: Final = _text("error", "The class of what it failed with, as `error.type` has it.")
LOSS_PARAMETERS: Final = (
    *_SHARED,
    _ERROR,
    _choice("outcome", "Its outcome.", *names.OUTCOMES),
    _choice("state", "`closed`: it completed after all.", "open", "closed"),
)
BOOK_PARAMETERS: Final = (
    _choice("range", "How far back the slots reach; by default 1h.", "10m", "1h", "6h", "24h"),
)
AUDIT_PARAMETERS: Final = (_text("service", "The service label it is counted under."),)
SUMMARY_PARAMETERS: Final = (
    _text("service", "The service label it is counted under."),
    _text("task", "The task label it is counted under."),
    _choice(
        "sort",
        "What comes first; by default `attention`: most lost within the hour.",
        *("attention", "name", "rate", "lost", "in_flight", "duration", "budget"),
    ),
    *_PAGING,
)
LETTER_PAGE_PARAMETERS: Final = (
    *LOSS_PARAMETERS,
    _choice("within", "Pronounced lately.", "1h", "3h", "24h", "3d", "7d"),
    _moment("since", "Pronounced at or after"),
    _moment("until", "Pronounced before"),
    *_PAGING,
)
"""Of the page: ``within`` stays of the last hours, whenever its URL is opened."""
DEAD_LETTER_PARAMETERS: Final = (
    *_SHARED,
    _ERROR,
    _choice("outcome", "Its outcome.", *names.OUTCOMES),
    _choice("state", "`closed`: it completed after all.", "open", "closed"),
    _moment("since", "Pronounced at or after"),
    _moment("until", "Pronounced before"),
    _choice("include", "With their payloads.", "payload"),
    *_PAGING,
)

"""Values without parts, as JSON: by exact type, so that each reads back as what it was."""

import base64
import datetime as dt
import enum
import math
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from afterword.capture.classes import class_path, why_not_by_name

TAG: Final = "$type"
_EXACT_IN_JSON: Final = 2**53


def _plain(value: Any) -> Any:
    return value


def plain_text(value: Any) -> Any:
    """The text itself; tagged where it has lone surrogates, which JSON in UTF-8 cannot have."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        octets = value.encode("utf-8", "surrogatepass")
        return {TAG: "str", "value": base64.b64encode(octets).decode("ascii")}
    return value


def _integer(value: Any) -> Any:
    if -_EXACT_IN_JSON <= value <= _EXACT_IN_JSON:
        return value
    return {TAG: "int", "value": hex(value)}  # str() refuses more than 4300 digits


def _float(value: Any) -> Any:
    return value if math.isfinite(value) else {TAG: "float", "value": str(value)}


def _tagged(tag: str, write: Callable[[Any], str]) -> Callable[[Any], Any]:
    return lambda value: {TAG: tag, "value": write(value)}


def _timedelta(value: Any) -> Any:
    return {TAG: "timedelta", "value": [value.days, value.seconds, value.microseconds]}


def _moment(tag: str) -> Callable[[Any], Any]:
    """A date or time; a time zone that has a name keeps it, and ``fold`` tells its two 2:30s."""

    def write(value: Any) -> Any:
        tree: dict[str, Any] = {TAG: tag, "value": value.isoformat()}
        zone = getattr(value.tzinfo, "key", None)
        if isinstance(zone, str):
            tree["zone"] = zone
        if value.fold:
            tree["fold"] = 1
        return tree

    return write


SCALARS: Final[dict[type, Callable[[Any], Any]]] = {
    type(None): _plain,
    bool: _plain,
    int: _integer,
    float: _float,
    str: plain_text,
    bytes: _tagged("bytes", lambda value: base64.b64encode(value).decode("ascii")),
    Decimal: _tagged("Decimal", str),
    uuid.UUID: _tagged("UUID", str),
    dt.datetime: _moment("datetime"),
    dt.date: _tagged("date", lambda value: value.isoformat()),
    dt.time: _moment("time"),
    dt.timedelta: _timedelta,
}


def enumerated(value: enum.Enum) -> Any:
    """An enum's member by its name; ``None`` if it could not be read back.

    A flag's combination has no name of its own and goes by value.
    """
    kind = type(value)
    if why_not_by_name(kind):
        return None
    if kind.__members__.get(str(value.name)) is value:
        return {TAG: "enum", "class": class_path(kind), "value": value.name}
    if isinstance(value, enum.Flag):
        return {TAG: "flag", "class": class_path(kind), "value": _integer(value.value)}
    return None

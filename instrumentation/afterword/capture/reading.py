"""Payloads read back: the inverse of ``writing.encode``. For replays, and for tests.

Reading never imports and never calls an application's code but its enums' look-up: a class is found
among the modules that are loaded, and an object is rebuilt as pickle would.
"""

import base64
import datetime as dt
import enum
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple

from afterword.capture.classes import PayloadError, find_class, is_pydantic
from afterword.capture.scalars import TAG


class Absent(NamedTuple):
    """Stands, in a payload that was read back, where a value was left out."""

    why: str


def decode(text: str) -> Any:
    """The value that ``writing.encode`` wrote; ``Absent`` where something was left out.

    Raises:
        PayloadError: It is no such document, or names a class that is not loaded.
    """
    try:
        return _read(json.loads(text))
    except PayloadError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, LookupError, RecursionError) as error:
        raise PayloadError(f"reading a payload: {type(error).__name__}: {error}") from error


def _read(tree: Any) -> Any:
    if type(tree) is list:
        return [_read(item) for item in tree]
    if type(tree) is not dict:
        return tree
    tag = tree.get(TAG)
    if tag is None:
        return {name: _read(item) for name, item in tree.items()}
    read = _READERS.get(tag)
    if read is None:
        raise PayloadError(f"reading a payload: no type {tag!r} is known; a newer version wrote it")
    return read(tree)


def _items(tree: dict[str, Any]) -> list[Any]:
    return [_read(item) for item in tree["value"]]


def _moment(kind: Callable[[str], Any]) -> Callable[[dict[str, Any]], Any]:
    def read(tree: dict[str, Any]) -> Any:
        value = kind(tree["value"])
        if "zone" in tree:
            from zoneinfo import ZoneInfo  # noqa: PLC0415 - only where a zone was used

            value = value.replace(tzinfo=ZoneInfo(tree["zone"]))
        return value.replace(fold=tree.get("fold", 0))

    return read


def _flag(tree: dict[str, Any]) -> Any:
    return _class_of(tree, enum.Flag)(_read(tree["value"]))


def _enum(tree: dict[str, Any]) -> Any:
    return _class_of(tree, enum.Enum).__members__[tree["value"]]


def _namedtuple(tree: dict[str, Any]) -> Any:
    kind: Any = _class_of(tree, tuple)
    return kind._make(_fields(tree).values())


def _dataclass(tree: dict[str, Any]) -> Any:
    kind: Any = _class_of(tree, object)
    names = kind.__dataclass_fields__
    value = object.__new__(kind)
    for name, item in _fields(tree).items():
        if name in names:
            object.__setattr__(value, name, item)
    return value


def _pydantic(tree: dict[str, Any]) -> Any:
    kind: Any = _class_of(tree, object)
    if not is_pydantic(kind):
        raise PayloadError(f"reading a payload: class {tree['class']!r} is no pydantic model")
    extra = tree.get("extra")
    value = kind.__new__(kind)
    value.__setstate__(
        {
            "__dict__": _fields(tree),
            "__pydantic_fields_set__": set(tree["set"]),
            "__pydantic_extra__": None if extra is None else _read({TAG: "fields", "value": extra}),
            "__pydantic_private__": None,
        }
    )
    return value


def _fields(tree: dict[str, Any]) -> dict[str, Any]:
    """Names to values; no tag is looked for among the names."""
    return {name: _read(item) for name, item in tree["value"].items()}


def _class_of(tree: dict[str, Any], base: type) -> Any:
    kind = find_class(tree["class"])
    if not issubclass(kind, base):
        raise PayloadError(f"reading a payload: class {tree['class']!r} is no {base.__name__}")
    return kind


_READERS: Final[dict[Any, Callable[[dict[str, Any]], Any]]] = {
    "int": lambda tree: int(tree["value"], 16),
    "float": lambda tree: float(tree["value"]),
    "str": lambda tree: base64.b64decode(tree["value"]).decode("utf-8", "surrogatepass"),
    "bytes": lambda tree: base64.b64decode(tree["value"]),
    "Decimal": lambda tree: Decimal(tree["value"]),
    "UUID": lambda tree: uuid.UUID(tree["value"]),
    "datetime": _moment(dt.datetime.fromisoformat),
    "date": lambda tree: dt.date.fromisoformat(tree["value"]),
    "time": _moment(dt.time.fromisoformat),
    "timedelta": lambda tree: dt.timedelta(*tree["value"]),
    "tuple": lambda tree: tuple(_items(tree)),
    "set": lambda tree: set(_items(tree)),
    "frozenset": lambda tree: frozenset(_items(tree)),
    "dict": lambda tree: {_read(key): _read(item) for key, item in tree["value"]},
    "fields": _fields,
    "enum": _enum,
    "flag": _flag,
    "namedtuple": _namedtuple,
    "dataclass": _dataclass,
    "pydantic": _pydantic,
    "redacted": lambda _tree: Absent("redacted"),
    "omitted": lambda tree: Absent(str(tree["why"])),
}

"""Payloads as JSON that can be read back as what it was: the types people pass, by tags.

A value JSON has no word for is an object ``{"$type": …, "value": …}``; an application's own dict
with a key ``$type`` is tagged itself, so it reads back as the dict it was. What cannot be written
is named where it stood, with the reason (``{"$type": "omitted", "why": …}``), and so is what was
redacted.
"""

import enum
import json
from typing import Any, Final, NamedTuple, cast

from afterword.capture.classes import class_path, is_pydantic, why_not_by_name
from afterword.capture.scalars import SCALARS, TAG, enumerated, plain_text
from afterword.redaction import REDACTED, Redactor

_DEEPEST: Final = 64
_MOST_OMISSIONS: Final = 100
_REPLACEMENTS: Final = frozenset((str, bool, int, float, type(None)))
"""What a redacting callable may put in a value's place."""


class TooLargeError(Exception):
    """The payload exceeds its bound."""


class Encoded(NamedTuple):
    """A JSON document and what is not in it."""

    text: str
    omitted: dict[str, str]
    """Why, by path."""


def encode(value: object, path: str, redactor: Redactor, most_bytes: int) -> Encoded:
    """Write a value. Raises ``TooLargeError`` as soon as it is clear that it is too large.

    Args:
        value: Anything; never changed.
        path: What the value is called; fields are named below it (``arguments.order.note``).
        redactor: Decides which fields are left out.
        most_bytes: The bound on the JSON document, UTF-8.
    """
    writer = _Writer(redactor, most_bytes)
    tree = writer.write(value, path, 0)
    text = json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text.encode("utf-8", "replace")) > most_bytes:
        raise TooLargeError
    return Encoded(text, writer.omitted)


class _Writer:
    """One payload being written: how much it may still take, and what it contains already."""

    def __init__(self, redactor: Redactor, most_bytes: int) -> None:
        self._redactor: Final = redactor
        self._left = most_bytes
        self._inside: Final[set[int]] = set()
        self.omitted: Final[dict[str, str]] = {}

    def write(self, value: object, path: str, depth: int) -> Any:
        """The JSON tree of a value."""
        self._spend(4)
        kind = type(value)
        if kind not in SCALARS and not issubclass(kind, enum.Enum):
            return self._write_container(value, path, depth)
        kept = self._redactor.value(path, value)
        if kept is not value:
            value = kept if type(kept) in _REPLACEMENTS else REDACTED
        if isinstance(value, str | bytes):
            self._spend(len(value))
        tree = enumerated(value) if isinstance(value, enum.Enum) else SCALARS[type(value)](value)
        if tree is None and value is not None:
            return self.omit(path, f"its class {class_path(kind)} cannot be found by its name")
        return tree

    def _write_container(self, value: object, path: str, depth: int) -> Any:
        if depth >= _DEEPEST:
            return self.omit(path, f"nested more than {_DEEPEST} deep")
        if id(value) in self._inside:
            return self.omit(path, "contains itself")
        self._inside.add(id(value))
        try:
            return self._container(value, path, depth + 1)
        except (TooLargeError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001 - the application's classes may raise anything
            return self.omit(path, f"reading it raised {type(error).__name__}")
        finally:
            self._inside.discard(id(value))

    def _container(self, value: Any, path: str, depth: int) -> Any:  # noqa: PLR0911 - one per type
        kind = type(value)
        if kind is dict:
            return self._dict(value, path, depth)
        if kind is list:
            return self._items(value, path, depth)
        if kind in {tuple, set, frozenset}:
            return {TAG: kind.__name__, "value": self._items(value, path, depth)}
        why = why_not_by_name(kind)
        if why:
            return self.omit(path, why)
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            fields = dict(zip(kind._fields, value, strict=True))
            return self._object("namedtuple", kind, fields, path, depth)
        if hasattr(kind, "__dataclass_fields__"):
            stored = [name for name in kind.__dataclass_fields__ if _is_stored(value, name)]
            fields = {name: object.__getattribute__(value, name) for name in stored}
            return self._object("dataclass", kind, fields, path, depth)
        if is_pydantic(kind):
            tree = self._object("pydantic", kind, dict(value.__dict__), path, depth)
            tree["set"] = sorted(value.__pydantic_fields_set__)
            if value.__pydantic_extra__ is not None:
                tree["extra"] = self._fields(value.__pydantic_extra__, path, depth)
            return tree
        return self.omit(path, f"a {class_path(kind)} is no plain data")

    def _items(self, values: Any, path: str, depth: int) -> list[Any]:
        return [self.write(item, f"{path}.{index}", depth) for index, item in enumerate(values)]

    def _dict(self, values: dict[Any, Any], path: str, depth: int) -> Any:
        if all(_is_json_key(key) for key in values) and TAG not in values:
            return self._fields(values, path, depth)
        pairs = []
        for key, item in values.items():
            written_key = self.write(key, f"{path}.key", depth)
            pairs.append([written_key, self._field(_name_of(key), item, path, depth)])
        return {TAG: "dict", "value": pairs}

    def _object(
        self, tag: str, kind: type, fields: dict[str, Any], path: str, depth: int
    ) -> dict[str, Any]:
        self._spend(len(kind.__qualname__) + len(kind.__module__))
        return {TAG: tag, "class": class_path(kind), "value": self._fields(fields, path, depth)}

    def _fields(self, fields: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        return {name: self._field(name, item, path, depth) for name, item in fields.items()}

    def _field(self, name: str, value: object, path: str, depth: int) -> Any:
        self._spend(len(name))
        below = f"{path}.{name}"
        if self._redactor.is_sensitive(name):
            self._remember(below, "redacted")
            return {TAG: "redacted"}
        return self.write(value, below, depth)

    def omit(self, path: str, why: str) -> dict[str, str]:
        """Name what is left out, where it stood."""
        self._remember(path, why)
        return {TAG: "omitted", "why": why}

    def _remember(self, path: str, why: str) -> None:
        if len(self.omitted) < _MOST_OMISSIONS:
            self.omitted[path[:256]] = why

    def _spend(self, characters: int) -> None:
        """A lower bound of what the document takes: stops long before memory would."""
        self._left -= characters
        if self._left < 0:
            raise TooLargeError


def _is_json_key(key: object) -> bool:
    return type(key) is str and plain_text(key) is key


def _name_of(key: object) -> str:
    """A key as a field's name, without a call into the application's classes."""
    kind = type(key)
    if issubclass(kind, str):
        return str.__str__(cast("str", key))
    if issubclass(kind, enum.Enum):
        return str(object.__getattribute__(key, "_name_"))
    parts = cast("tuple[object, ...]", key) if kind is tuple else (key,)
    if all(type(part) in SCALARS for part in parts):
        return repr(key)[:64]
    return kind.__qualname__


def _is_stored(value: object, name: str) -> bool:
    try:
        object.__getattribute__(value, name)
    except AttributeError:
        return False
    return True

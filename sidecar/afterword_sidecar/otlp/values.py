"""Reads single values out of records: text that is valid and bounded, numbers that are finite."""

import re
from binascii import unhexlify
from typing import Final

from afterword_sidecar.otlp.limits import LARGEST_SECONDS, NAME_CHARACTERS
from afterword_sidecar.otlp.shapes import ABSENT, AnyValue

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_NO_TRACE: Final = bytes(_TRACE_ID_BYTES)
_NO_SPAN: Final = bytes(_SPAN_ID_BYTES)
_LABELS: Final = 8192
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")

Attributes = dict[str, AnyValue]
"""Of one record; where a key is repeated the last one counts."""


class Rejected(Exception):  # noqa: N818 - it is a decision about one record, not a failure
    """This record cannot be taken; ``reason`` is one of ``decoded.REASONS``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def clean(text: str, longest: int) -> str:
    """``text`` cut to ``longest`` characters; NULs and lone surrogates become U+FFFD.

    SQLite, UTF-8 and Prometheus each refuse or cut at one of them.
    """
    if len(text) > longest:
        text = text[:longest]
    if text.isascii() and "\0" not in text:
        return text
    return _NOT_TEXT.sub("\ufffd", text)


class _Labels(dict[str | None, str]):
    """Names seen before, cleaned and bounded once: one look-up, and one object for equal names.

    An open task keeps its names, so that sharing them is also what keeps it small. Emptied when it
    is full: a million different names cost time, not memory. ``None`` and ``""`` give ``""``.
    """

    def __missing__(self, raw: str | None) -> str:
        if not raw:
            self[raw] = ""
            return ""
        label = clean(raw, NAME_CHARACTERS)
        if len(raw) <= NAME_CHARACTERS:
            if len(self) >= _LABELS:
                self.clear()
            self[raw] = label
        return label


LABELS: Final = _Labels()
"""A name of few different values, by how it came: task, platform, function, route …"""


def text(value: AnyValue, longest: int) -> str:
    """A string of at most ``longest`` characters; empty where it is absent or no string."""
    raw = value.string_value
    return clean(raw, longest) if raw else ""


def seconds(value: AnyValue) -> float | None:
    """A time or duration: double, integer or numeric string; ``None`` where absent.

    Raises ``Rejected`` (``bad_number``) unless ``0 <= value <= LARGEST_SECONDS``.
    """
    number = value.double_value
    if number is None:
        if value is ABSENT:
            return None
        number = _seconds_otherwise(value)
        if number is None:
            return None
    if 0.0 <= number <= LARGEST_SECONDS:  # false for NaN as well
        return number
    raise Rejected("bad_number")


def _seconds_otherwise(value: AnyValue) -> float | None:
    try:
        if value.int_value is not None:
            return float(value.int_value)
        if value.string_value:
            return float(value.string_value)
    except (ValueError, OverflowError):
        raise Rejected("bad_number") from None
    if value.bool_value is not None:
        raise Rejected("bad_number")
    return None


def integer(value: AnyValue, reason: str) -> int | None:
    """A whole number in any of its spellings; ``None`` where absent. Raises ``Rejected``."""
    if value.int_value is not None:
        return value.int_value
    if value.double_value is not None:
        if not value.double_value.is_integer():  # infinite and NaN are not either
            raise Rejected(reason)
        return int(value.double_value)
    if value.string_value:
        try:
            return int(value.string_value)
        except ValueError:
            raise Rejected(reason) from None
    if value.bool_value is not None:
        raise Rejected(reason)
    return None


def flag(value: AnyValue) -> bool:
    """True for ``true``, however it is spelt."""
    return value.bool_value is True or value.int_value == 1 or value.string_value == "true"


def unix_seconds(nanoseconds: int) -> float:
    """OTLP's time as seconds. Raises ``Rejected`` (``bad_time``)."""
    if 0 < nanoseconds < 1 << 64:
        return nanoseconds / 1e9
    raise Rejected("bad_time")


def trace_id(hexadecimal: str | None) -> bytes:
    """16 bytes; empty where absent, all zero, or no trace id at all."""
    if not hexadecimal:
        return b""
    try:
        raw = unhexlify(hexadecimal)
    except ValueError:
        return b""
    return raw if len(raw) == _TRACE_ID_BYTES and raw != _NO_TRACE else b""


def span_id(hexadecimal: str | None) -> bytes:
    """8 bytes; empty where absent, all zero, or no span id at all."""
    if not hexadecimal:
        return b""
    try:
        raw = unhexlify(hexadecimal)
    except ValueError:
        return b""
    return raw if len(raw) == _SPAN_ID_BYTES and raw != _NO_SPAN else b""

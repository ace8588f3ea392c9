"""Walks the envelope of a protobuf message without building it.

Two bytes make an empty record and upb builds an object for each, so the envelope is read by hand,
down to the bytes of each record: that bounds their number before any is built, and one that upb
refuses (bad UTF-8, deep nesting) costs itself alone.

Source: protobuf's encoding guide, "Message Structure".
"""

from collections.abc import Iterator
from typing import Final

PASSED_OVER: Final = 0
_VARINT: Final = 0
_FIXED64: Final = 1
_LENGTH_DELIMITED: Final = 2
_FIXED32: Final = 5
_LONGEST_VARINT: Final = 10
_MORE: Final = 0x80  # this bit of a byte says that the number goes on


class BrokenWire(ValueError):  # noqa: N818 - says what the bytes are
    """Not protobuf, or cut short."""


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of each length-delimited field between ``start`` and ``end``.

    Fields of other types have no bytes to look into: they come as ``(PASSED_OVER, at, at)``. Raises
    ``BrokenWire``.
    """
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        wire_type = tag & 7
        if wire_type == _LENGTH_DELIMITED:
            length, at = _varint(data, at, end)
            if length > end - at:
                raise BrokenWire(
                    f"a field of {length} bytes at byte {at}, where {end - at} are left"
                )
            if tag < 1 << 3:
                raise BrokenWire(f"field number 0 at byte {at}")
            yield tag >> 3, at, at + length
            at += length
            continue
        if wire_type == _VARINT:
            _, at = _varint(data, at, end)
        elif wire_type == _FIXED64:
            at += 8
        elif wire_type == _FIXED32:
            at += 4
        else:
            raise BrokenWire(f"wire type {wire_type} at byte {at}")
        yield PASSED_OVER, at, at
    if at > end:
        raise BrokenWire("cut short")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number at ``at``, and where it ends."""
    if at < end and (first := data[at]) < _MORE:
        return first, at + 1
    number = 0
    for index in range(_LONGEST_VARINT):
        if at + index >= end:
            break
        byte = data[at + index]
        number |= (byte & (_MORE - 1)) << (7 * index)
        if byte < _MORE:
            return number, at + index + 1
    raise BrokenWire(f"no number at byte {at}")

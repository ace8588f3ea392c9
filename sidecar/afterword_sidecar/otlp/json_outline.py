"""Finds the parts of a JSON document by its brackets, without reading what is inside them.

For bodies that a strict reader refuses: a part can be broken in any way that leaves quotes and
brackets paired, and nested as deep as it likes, and its neighbours are still found. One pass, no
recursion into the parts, nothing built but slices.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from afterword_sidecar.otlp.errors import TooManyRecords, Undecodable

RAW: Final = None
"""In a shape: this value is handed over as its bytes."""

Shape: TypeAlias = 'Mapping[str, "Shape"] | Sequence["Shape"] | None'
"""Objects by the keys that matter, arrays by the shape of their elements, or ``RAW``."""
Outline: TypeAlias = 'dict[str, "Outline"] | list["Outline"] | bytes | None'
"""The same with bytes for ``RAW``; bytes too where a value is of another type than its shape."""

# Possessive throughout: nothing is ever tried twice, so time is linear whatever the bytes.
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR: Final = re.compile(rb'[^\s,:{}\[\]"]++')
_TO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+([{}\[\]])', re.DOTALL)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_OPENING: Final = (b"{", b"[")


def outline(body: bytes, shape: Shape, most: int) -> Outline:
    """The parts of ``body`` that ``shape`` asks for; of a repeated key the last.

    Raises ``Undecodable`` if the document does not hold together, ``TooManyRecords`` if it has
    more than ``most`` elements and members that are not within a part.
    """
    reading = _Reading(body, most)
    start = len(_BYTE_ORDER_MARK) if body.startswith(_BYTE_ORDER_MARK) else 0
    found, end = reading.value(start, shape)
    if reading.past_space(end) != len(body):
        raise Undecodable(f"cannot decode JSON: something follows the document at byte {end}")
    return found


class _Reading:
    def __init__(self, body: bytes, most: int) -> None:
        self.body = body
        self.most = most
        self.parts = 0

    def past_space(self, at: int) -> int:
        found = _SPACE.match(self.body, at)
        return found.end() if found else at

    def value(self, at: int, shape: Shape) -> tuple[Outline, int]:
        """What is at ``at``, and where it ends."""
        at = self.past_space(at)
        first = self.body[at : at + 1]
        if first == b"{" and isinstance(shape, dict):
            return self.object(at + 1, shape)
        if first == b"[" and isinstance(shape, list):
            return self.array(at + 1, shape[0])
        end = self.skip(at)
        raw = self.body[at:end]
        return (None if raw == b"null" else raw), end

    def object(self, at: int, shape: Mapping[str, Shape]) -> tuple[Outline, int]:
        found: dict[str, Outline] = {}
        at = self.past_space(at)
        while self.body[at : at + 1] != b"}":
            self._count()
            key_end = self._end(_STRING, at)
            key = self.body[at + 1 : key_end - 1].decode("utf-8", "replace")
            at = self.past_space(key_end)
            self._expect(b":", at)
            if key in shape:
                found[key], at = self.value(at + 1, shape[key])
            else:
                at = self.skip(self.past_space(at + 1))
            at = self._next(at, b"}")
        return found, at + 1

    def array(self, at: int, shape: Shape) -> tuple[Outline, int]:
        found: list[Outline] = []
        at = self.past_space(at)
        while self.body[at : at + 1] != b"]":
            self._count()
            element, at = self.value(at, shape)
            found.append(element)
            at = self._next(at, b"]")
        return found, at + 1

    def skip(self, at: int) -> int:
        """Where the value at ``at`` ends."""
        first = self.body[at : at + 1]
        if first == b'"':
            return self._end(_STRING, at)
        if first not in _OPENING:
            return self._end(_SCALAR, at)
        depth = 1
        at += 1
        while depth:
            bracket = _TO_BRACKET.match(self.body, at)
            if bracket is None:
                raise self._broken(at)
            depth += 1 if bracket[1] in _OPENING else -1
            at = bracket.end()
        return at

    def _count(self) -> None:
        self.parts += 1
        if self.parts > self.most:
            raise TooManyRecords(f"cannot decode JSON: more than {self.most} records")

    def _next(self, at: int, closing: bytes) -> int:
        """Past a comma, or at the closing bracket."""
        at = self.past_space(at)
        if self.body[at : at + 1] == closing:
            return at
        self._expect(b",", at)
        at = self.past_space(at + 1)
        if self.body[at : at + 1] == closing:
            raise self._broken(at)
        return at

    def _expect(self, wanted: bytes, at: int) -> None:
        if self.body[at : at + 1] != wanted:
            raise self._broken(at)

    def _end(self, pattern: re.Pattern[bytes], at: int) -> int:
        found = pattern.match(self.body, at)
        if found is None:
            raise self._broken(at)
        return found.end()

    def _broken(self, at: int) -> Undecodable:
        return Undecodable(f"cannot decode JSON: broken at byte {at} of {len(self.body)}")

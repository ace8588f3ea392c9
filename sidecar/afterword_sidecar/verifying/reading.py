"""Reading a journal in its order, and naming what is not in its place.

A line that is not intact was altered. Numbers say what is missing, comes late, or comes twice; the
hash of the record before says whether that one was put there later. Nothing is held but a few
numbers, so that a journal may be longer than memory.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.chain import BEGINNING, Link, Mark, link_of
from afterword_sidecar.journal.files import Line, SegmentFile, lines_of
from afterword_sidecar.verifying.findings import Damage, Position, Problem, Report

_REMEMBERED: Final = 1_000
"""Missing ranges, and records that come twice."""


class Taken(msgspec.Struct, frozen=True):
    """A record in its place."""

    position: Position
    record: shapes.Record
    mark: Mark


class Gap(msgspec.Struct, frozen=True):
    """Records that cannot be gone by."""

    first: int
    last: int
    why: str


class Reader:
    """Reads segments; tells the ``report`` what is wrong with the chain."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last: Mark | None = None
        """The place of the record before; a digest of "" is not known."""
        self._at = Position(0, "", 0)
        self._absent: list[tuple[int, int]] = []
        self._twice: dict[int, str] = {}
        self.first: Link | None = None
        self.torn = 0
        """Bytes of an unfinished last line."""

    def read(self, segments: list[SegmentFile]) -> Iterator[Taken | Gap]:
        """Every record that can be gone by, and the gaps between them. Raises ``OSError``."""
        final = segments[-1].path if segments else Path()
        for segment in segments:
            self._report.segments += 1
            for line in lines_of(segment):
                if line.path == final and not line.text.endswith(b"\n"):
                    self.torn = len(line.text)
                    break
                self._report.records += 1
                self._report.size_bytes += len(line.text)
                yield from self._line(line)
        for first, last in self._absent:
            self._tell(Damage.MISSING, _span(first, last), f"{_records(first, last)} is not there")

    def _line(self, line: Line) -> Iterator[Taken | Gap]:
        link = link_of(line.text)
        expected = 1 if self._last is None else self._last.number + 1
        here = Position(link.number if link else expected, line.path.name, line.line)
        if self._last is None and link is not None:
            expected = link.number
            self._begin(link, here)
        record = _decoded(line.text) if link is not None and link.intact else None
        if link is None or record is None:
            yield self._altered(here, expected, link)
        elif link.number >= expected:
            yield from self._in_turn(here, expected, link)
            yield Taken(here, record, link.mark)
        else:
            self._out_of_turn(here, link)

    def _begin(self, link: Link, here: Position) -> None:
        self.first = link
        self._report.first = link.number
        if link.number == 1 and link.previous != BEGINNING:
            self._tell(Damage.MISSING, str(here), "the first record names one before it")
        self._last = Mark(link.number - 1, link.previous)

    def _altered(self, here: Position, expected: int, link: Link | None) -> Gap:
        self._tell(Damage.ALTERED, str(here), "its bytes are not those that its hash was taken of")
        known = link is not None and link.number == expected
        self._last = Mark(expected, link.digest if link is not None and known else "")
        self._at = here
        return Gap(expected, expected, f"{here} was altered")

    def _in_turn(self, here: Position, expected: int, link: Link) -> Iterator[Gap]:
        before, last = self._at, self._last
        self._at, self._last = here, link.mark
        if link.number > expected:
            if len(self._absent) < _REMEMBERED:
                self._absent.append((expected, link.number - 1))
            missing = _records(expected, link.number - 1)
            yield Gap(expected, link.number - 1, f"{missing} is not in its place")
        elif last is not None and last.digest not in {"", link.previous}:
            if self._twice.get(last.number) == link.previous:
                what = "it was put before the record whose number it bears"
                self._tell(Damage.INSERTED, str(before), what)
            else:
                what = f"it was replaced: record {link.number} was written after another one"
                self._tell(Damage.ALTERED, str(before), what)
            yield Gap(last.number, last.number, f"{before} is not what was written there")

    def _out_of_turn(self, here: Position, link: Link) -> None:
        for index, (first, last) in enumerate(self._absent):
            if first <= link.number <= last:
                parts = ((first, link.number - 1), (link.number + 1, last))
                self._absent[index : index + 1] = [part for part in parts if part[0] <= part[1]]
                self._tell(Damage.OUT_OF_ORDER, str(here), "it comes after later records")
                return
        if len(self._twice) < _REMEMBERED:
            self._twice[link.number] = link.digest
        what = f"there is a record {link.number} before it"
        self._tell(Damage.INSERTED, str(here), what)

    def _tell(self, damage: Damage, where: str, what: str) -> None:
        self._report.tell(Problem(damage.value, where, what))


def _decoded(text: bytes) -> shapes.Record | None:
    try:
        record: shapes.Record = shapes.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return record


def _span(first: int, last: int) -> str:
    return f"record {first}" if first == last else f"records {first} to {last}"


def _records(first: int, last: int) -> str:
    return f"record {first}" if first == last else f"each of records {first} to {last}"

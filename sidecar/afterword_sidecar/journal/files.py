"""A journal's directory: segments named by the number of their first record.

``{number:016d}.jsonl``; numbers run on from segment to segment. Only its owner may read it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from afterword_sidecar.journal.chain import Link, link_of

_NAME: Final = re.compile(r"([0-9]{16})\.jsonl")


class SegmentFile(msgspec.Struct, frozen=True):
    """A segment that is there."""

    path: Path
    first: int
    """The number of its first record, by its name."""


class Line(msgspec.Struct, frozen=True):
    """A line of a segment, in the order of the files."""

    path: Path
    line: int
    """From 1."""
    offset: int
    text: bytes
    """With its newline, unless it is torn."""


def segments_in(directory: Path) -> list[SegmentFile]:
    """The segments, oldest first. Raises ``OSError``."""
    found = ((path, _NAME.fullmatch(path.name)) for path in directory.iterdir())
    files = [SegmentFile(path, int(match[1])) for path, match in found if match]
    return sorted(files, key=lambda each: each.first)


def path_of(directory: Path, first: int) -> Path:
    """Where the segment beginning with this record lies."""
    return directory / f"{first:016d}.jsonl"


def lines_of(segment: SegmentFile) -> Iterator[Line]:
    """Every line; the last may lack its newline. Raises ``OSError``."""
    offset = 0
    with segment.path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            yield Line(segment.path, number, offset, text)
            offset += len(text)


def first_link(segment: SegmentFile) -> Link | None:
    """The place of a segment's first record; ``None`` if it has none that can be read."""
    with segment.path.open("rb") as file:
        return link_of(file.readline())

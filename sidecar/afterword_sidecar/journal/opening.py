"""Taking up a journal where the book left it.

The book keeps the mark of its last commit. What the journal has beyond it is a group whose commit
never came to be: it is removed, and the next ``opened`` record says how many records that were. A
journal that is further ahead belongs to a later state of the book (one restored from a copy, say),
and is not touched: that is an error. One that is behind, or altered, is gone on with from the
book's mark: ``afterword verify`` then names what is missing.
"""

import logging
import os
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import msgspec

from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.chain import Mark, link_of
from afterword_sidecar.journal.errors import JournalError
from afterword_sidecar.journal.files import SegmentFile, lines_of, segments_in
from afterword_sidecar.journal.writing import JournalWriter, Keeping

log = logging.getLogger(__name__)


class _Tail(msgspec.Struct):
    """What stands in the journal after the book's mark."""

    found: bool = False
    """The record that the mark names is there, as the mark has it."""
    path: Path | None = None
    offset: int = 0
    """Where what comes after it begins."""
    records: int = 0
    groups: int = 0
    pruned_to: int = 0


def resume(
    directory: Path, book: str, mark: bytes, keeping: Keeping, clock: Callable[[], float]
) -> tuple[JournalWriter, int]:
    """The writer that goes on after the book's last commit, and how many records were removed.

    The directory is held by the caller. Raises ``JournalError``, ``OSError``.
    """
    place = Mark.of(mark)
    segments = segments_in(directory)
    _check_owner(directory, segments, book)
    tail = _tail(segments, place)
    if tail.groups > 1:
        raise JournalError(
            "open journal",
            directory,
            f"it is {tail.groups} commits ahead of the book",
            "if the book was restored from a copy, move this journal away; a new one is begun",
        )
    if place.number and not tail.found:
        log.warning(
            "the journal in %s does not end as its book remembers; see `afterword verify`",
            directory,
        )
    removed = _remove(segments, place, tail)
    writer = JournalWriter(
        directory, book, keeping, after=place, pruned_to=tail.pruned_to, clock=clock
    )
    return writer, removed


def _check_owner(directory: Path, segments: list[SegmentFile], book: str) -> None:
    for segment in reversed(segments):
        line = next(iter(lines_of(segment)), None)
        try:
            head = None if line is None else shapes.decode(line.text)
        except (msgspec.MsgspecError, UnicodeError):
            continue
        if isinstance(head, shapes.Segment):
            if head.book != book:
                raise JournalError(
                    "open journal",
                    directory,
                    f"it is the journal of another book ({head.book})",
                    "name another directory, or move this one away",
                )
            return


def _tail(segments: list[SegmentFile], place: Mark) -> _Tail:
    """Read from the segment that should hold ``place`` to the end."""
    tail = _Tail(found=place.number == 0)
    begin = max((i for i, each in enumerate(segments) if each.first <= place.number), default=0)
    for line in chain.from_iterable(lines_of(segment) for segment in segments[begin:]):
        link = link_of(line.text)
        if link is None and not tail.found:
            continue  # altered: not ours to remove
        if link is not None and link.number <= place.number:
            tail.found = tail.found or (link.intact and link.mark == place)
            tail.pruned_to = max(tail.pruned_to, _pruned_to(line.text))
            tail.path, tail.records, tail.groups = None, 0, 0
            continue
        if tail.path is None:
            tail.path, tail.offset = line.path, line.offset
        tail.records += 1
        tail.groups += b'"is":"commit"' in line.text
    return tail


def _pruned_to(text: bytes) -> int:
    if b'"is":"pruned"' not in text and b'"is":"segment"' not in text:
        return 0
    try:
        record = shapes.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        return 0
    if isinstance(record, shapes.Pruned):
        return record.up_to
    return record.pruned_to if isinstance(record, shapes.Segment) else 0


def _remove(segments: list[SegmentFile], place: Mark, tail: _Tail) -> int:
    """Cut off the group that was never committed; it may have begun a segment of its own."""
    for segment in segments:
        if segment.first > place.number:
            segment.path.unlink()
        elif segment.path == tail.path:
            os.truncate(segment.path, tail.offset)
    return tail.records

"""The end of a journal: groups of records appended whole, each before the commit it belongs to.

A group is synced before its commit, and the commit keeps the group's mark in the same transaction
as the book. So after a crash at most one group stands in the journal that the book does not know,
and ``opening.resume`` removes it: a record is there if and only if its commit is.
"""

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.chain import Mark, sealed
from afterword_sidecar.journal.files import (
    SegmentFile,
    first_link,
    path_of,
    segments_in,
)
from afterword_sidecar.journal.holding import sync_directory

_SEGMENTS: Final = 16
"""About so many make up what is kept, so that retention goes by a sixteenth."""
_LARGEST_SEGMENT_BYTES: Final = 64 * 2**20

log = logging.getLogger(__name__)


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a journal is kept. Whole segments go, the oldest first."""

    age_seconds: float
    size_bytes: int

    @property
    def segment_bytes(self) -> int:
        """A segment as large as this is followed by the next."""
        return min(_LARGEST_SEGMENT_BYTES, self.size_bytes // _SEGMENTS)

    @property
    def segment_seconds(self) -> float:
        """And so is one as old as this."""
        return self.age_seconds / _SEGMENTS


class JournalWriter:
    """Appends, begins new segments, and deletes old ones. Used on the store's thread only."""

    def __init__(
        self,
        directory: Path,
        book: str,
        keeping: Keeping,
        *,
        after: Mark,
        pruned_to: int,
        clock: Callable[[], float],
    ) -> None:
        """Goes on ``after`` a place; ``pruned_to`` is what retention had taken by then."""
        self._directory, self._book, self._keeping = directory, book, keeping
        self._clock = clock
        self._mark = after
        self._pruned_to = pruned_to
        self._descriptor = -1
        self._path = directory
        self._size = 0
        self._begun_at = 0.0
        self._torn: tuple[Path, int | None] | None = None
        """A file with part of a group in it, and its size without; ``None``: all of it is that."""
        self._to_delete = pruned_to > 0  # a crash may have come between the word and the deed

    def write(self, records: Iterable[shapes.Record], standing: shapes.Standing) -> Mark:
        """Append ``records`` whole and synced, or nothing; returns the place of the last.

        ``standing``: what held before these, for the head of a new segment. Raises ``OSError``.
        """
        self._mend()
        before = (self._mark, self._descriptor, self._path, self._size, self._begun_at)
        pruned_before = self._pruned_to
        try:
            if self._full():
                self._begin()
                self._append([self._head(), standing, *self._pruning(), *records])
            else:
                self._append(records)
            os.fdatasync(self._descriptor)
        except BaseException:
            self._undo(*before)
            self._pruned_to = pruned_before
            raise
        if before[1] not in {-1, self._descriptor}:
            os.close(before[1])
        return self._mark

    def delete_pruned(self) -> None:
        """Delete what a committed record said is to go. Raises ``OSError``."""
        if not self._to_delete:
            return
        self._to_delete = False
        segments = segments_in(self._directory)
        for segment, following in pairwise(segments):
            if following.first - 1 <= self._pruned_to:
                segment.path.unlink()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _full(self) -> bool:
        if self._deleted():
            # Whoever deletes it cannot be hindered; what comes now need not go the same way.
            return True
        old = self._clock() - self._begun_at >= self._keeping.segment_seconds
        return self._descriptor < 0 or old or self._size >= self._keeping.segment_bytes

    def _deleted(self) -> bool:
        return self._descriptor >= 0 and not os.fstat(self._descriptor).st_nlink

    def _begin(self) -> None:
        deleted = self._path if self._deleted() else None
        self._path = path_of(self._directory, self._mark.number + 1)
        # O_EXCL: nothing that is there is ever written over.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = 0
        self._begun_at = self._clock()
        sync_directory(self._directory)
        if deleted is not None:  # said when it is true, and not with each try
            log.warning("%s was deleted: the journal goes on in a new segment", deleted)

    def _head(self) -> shapes.Segment:
        return shapes.Segment(
            format=shapes.FORMAT,
            book=self._book,
            at=self._begun_at,
            pruned_to=self._pruned_to,
        )

    def _append(self, records: Iterable[shapes.Record]) -> None:
        lines = []
        mark = self._mark
        for record in records:
            line, mark = sealed(shapes.encode(record), mark)
            lines.append(line)
        left = memoryview(b"".join(lines))
        while left:
            written = os.write(self._descriptor, left)
            self._size += written
            left = left[written:]
        self._mark = mark

    def _pruning(self) -> list[shapes.Pruned]:
        """Which segments are beyond what is kept; said in the chain before they are deleted."""
        segments = segments_in(self._directory)[:-1]  # without the one just begun
        kept = sum(segment.path.stat().st_size for segment in segments)
        last: SegmentFile | None = None
        oldest_kept_at = self._begun_at - self._keeping.age_seconds
        for segment, following in pairwise(segments):
            status = segment.path.stat()
            if kept <= self._keeping.size_bytes and status.st_mtime >= oldest_kept_at:
                break
            kept -= status.st_size
            last = following
        link = None if last is None else first_link(last)
        if last is None or link is None or last.first - 1 <= self._pruned_to:
            return []
        self._pruned_to, self._to_delete = last.first - 1, True
        return [shapes.Pruned(self._pruned_to, link.previous)]

    def _undo(self, mark: Mark, descriptor: int, path: Path, size: int, begun_at: float) -> None:
        """Take back what was written of a group that is not whole."""
        if self._descriptor != descriptor:
            with suppress(OSError):
                os.close(self._descriptor)
            self._torn = (self._path, None)
        elif descriptor >= 0:
            self._torn = (path, size)
        self._mark, self._descriptor, self._path = mark, descriptor, path
        self._size, self._begun_at = size, begun_at
        with suppress(OSError):  # a disk that fails may do so twice; the next write tries again
            self._mend()

    def _mend(self) -> None:
        """Take away what is torn, before anything is written after it. Raises ``OSError``."""
        if self._torn is None:
            return
        path, size = self._torn
        if size is None:
            path.unlink(missing_ok=True)
        else:
            os.ftruncate(self._descriptor, size)
        self._torn = None

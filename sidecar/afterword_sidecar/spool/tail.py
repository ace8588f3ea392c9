"""One stream's files: which segments there are, and how far each was read.

Positions are kept in memory alone. After a restart everything that is still there is read again,
which is harmless, as the book ignores sequences it has seen.
"""

import os
from bisect import insort
from dataclasses import dataclass, field

from afterword_sidecar.spool import layout
from afterword_sidecar.spool.directory import SpoolDirectory
from afterword_sidecar.spool.lines import split_lines
from afterword_sidecar.spool.lost_records import NONE_LOST, LostRecords


@dataclass(slots=True, order=True)
class Segment:
    """One file of lines."""

    number: int
    name: str = field(compare=False)
    offset: int = field(default=0, compare=False)
    """Where the first line begins that was not read."""
    scanned: int = field(default=0, compare=False)
    """Up to here it was looked at: what lies between is the beginning of a line."""
    size: int = field(default=0, compare=False)
    """As of the last look."""
    skipping: bool = field(default=False, compare=False)
    """The offset lies within a line that is too long."""
    complete: bool = field(default=False, compare=False)
    """Nothing will be added: there is a later segment, or the process is dead; and ``size`` was
    taken after that was known."""
    unreadable: bool = field(default=False, compare=False)
    """It could not be opened or read; it is left where it is and tried again later."""

    @property
    def unread(self) -> int:
        """Bytes nobody looked at yet."""
        return 0 if self.unreadable else self.size - self.scanned

    @property
    def finished(self) -> bool:
        """Nothing of it is left to read, and nothing will come."""
        return self.complete and not self.unreadable and self.scanned >= self.size


@dataclass(slots=True)
class Piece:
    """What one read brought."""

    lines: list[bytes] = field(default_factory=list)
    bytes_read: int = 0
    too_long: int = 0
    torn: int = 0
    finished: list[Segment] = field(default_factory=list)
    """Segments that are done with once the lines are committed."""
    errors: list[tuple[str, OSError]] = field(default_factory=list)
    """Files that could not be read, and why."""


@dataclass(slots=True, eq=False)
class StreamTail:
    """A stream, its segments in their order, and what is known of its life."""

    name: str
    """The stream in hex, as in the names of its files."""
    segments: list[Segment] = field(default_factory=list)
    """Those with something left to read or to come."""
    read_out: list[str] = field(default_factory=list)
    """Names of a dead stream's segments that are committed. They stay until its end is committed
    too: a sidecar that starts in between must find that the stream had something to say."""
    unread: int = 0
    """Bytes nobody looked at yet, as of the last look."""
    ripe: bool = False
    """It has something to read or a segment to finish."""
    alive_at: float = 0.0
    """When it was last known to live, Unix seconds: its lock was held, or it wrote."""
    fallen: bool = False
    """Its lock was seen fallen. Whatever it wrote was there by then: a process's locks fall after
    its last write, when its descriptors are closed."""
    settled: bool = False
    """The directory was listed after the lock was seen fallen, so all its segments are known."""
    served: int = 0
    """The number of the group it was last read for."""
    spoke: bool = False
    """It had a segment."""
    lost: LostRecords = NONE_LOST
    """What its lock file said last of records that had no room, and the book was told."""

    @property
    def stream(self) -> bytes:
        """The stream's 16 bytes."""
        return bytes.fromhex(self.name)

    @property
    def exhausted(self) -> bool:
        """It is dead, and all it ever wrote was read."""
        return self.settled and not self.segments

    @property
    def blocked(self) -> bool:
        """Some of it cannot be read for now."""
        return any(segment.unreadable for segment in self.segments)

    def add(self, number: int) -> None:
        """A segment was found. Not always in order: a listing may show 3 and miss 2."""
        insort(self.segments, Segment(number, layout.segment_name(self.name, number)))
        self.spoke = True

    def drop(self, number: int) -> None:
        """A segment is gone, and it was not the sidecar that deleted it."""
        self.segments = [each for each in self.segments if each.number != number]
        self._count()

    def look(self, directory: SpoolDirectory, now: float) -> None:
        """See how long the segments are. Call it after the listing that told of them.

        A segment with a later one after it is complete, since the process turns to the next only
        when it is done with the last; so its size is right if it is taken after the later one was
        seen. The same holds for the last segment of a process seen dead.
        """
        last = self.segments[-1] if self.segments else None
        for segment in self.segments:
            if segment.complete:
                continue
            try:
                status = directory.status(segment.name)
            except FileNotFoundError:
                continue  # the next listing will not have it
            if status.st_size < segment.scanned:  # cut short by somebody: begin again
                segment.offset = segment.scanned = 0
                segment.skipping = False
            segment.size = status.st_size
            segment.complete = segment is not last or self.settled
            self.alive_at = max(self.alive_at, min(status.st_mtime, now))
        self._count()

    def try_again(self) -> None:
        """Whatever could not be read may be readable by now."""
        for segment in self.segments:
            segment.unreadable = False
        self._count()

    def read(self, directory: SpoolDirectory, want: int, *, line_limit: int) -> Piece:
        """Read about ``want`` bytes of what the last look found; more only to complete a line."""
        piece = Piece()
        for segment in self.segments:
            if segment.unread and piece.bytes_read < want:
                try:
                    _read_segment(directory, segment, piece, want, line_limit)
                except OSError as error:
                    segment.unreadable = True
                    piece.errors.append((segment.name, error))
            if segment.finished:
                piece.torn += segment.offset < segment.size
                piece.finished.append(segment)
        if piece.finished:
            self.segments = [each for each in self.segments if not each.finished]
        self._count()
        return piece

    def _count(self) -> None:
        self.unread = sum(segment.unread for segment in self.segments)
        self.ripe = self.unread > 0 or any(segment.finished for segment in self.segments)


def _read_segment(
    directory: SpoolDirectory, segment: Segment, piece: Piece, want: int, line_limit: int
) -> None:
    """Add to ``piece`` what ``segment`` has within ``want`` bytes, and move its position."""
    here = segment.size - segment.offset
    most = min(here, line_limit)
    descriptor = directory.open(segment.name)
    try:
        data = os.pread(descriptor, min(want - piece.bytes_read, most), segment.offset)
        if b"\n" not in data and len(data) < most:
            data = os.pread(descriptor, most, segment.offset)
    finally:
        os.close(descriptor)
    split = split_lines(data, skipping=segment.skipping, limit=line_limit)
    piece.lines += split.lines
    piece.bytes_read += len(data)
    piece.too_long += split.too_long
    segment.skipping = split.skipping
    segment.offset += split.consumed
    # What follows the last complete line was looked at too, unless it goes on beyond the piece.
    at_the_end = len(data) >= here or not data
    segment.scanned = segment.size if at_the_end else segment.offset

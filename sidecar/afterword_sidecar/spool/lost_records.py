"""What a stream's lock file says of records that its spool had no room for."""

import os
import re
from typing import Final, NamedTuple

from afterword.names import SPOOL_TOLD_BY_TIME_BEFORE
from afterword_sidecar.spool import layout
from afterword_sidecar.spool.directory import SpoolDirectory

_MOST_BYTES: Final = 64
_PATTERN: Final = re.compile(rb" *([0-9]{1,16}) +([0-9]{1,16})\n")
_SECOND_NS: Final = 1_000_000_000


class LostRecords(NamedTuple):
    """Records that could not be written."""

    highest: int
    """The greatest of their numbers."""
    closings: int
    """How many of them told how a task ended."""


NONE_LOST: Final = LostRecords(0, 0)
SPEECHLESS: Final = LostRecords(1, 0)
"""Of a process that could not even say what it lost: a lock is made for a first record."""


def read(directory: SpoolDirectory, stream: str, *, dead: bool) -> LostRecords | None:
    """What the lock file of a stream (in hex) says; ``None`` if it cannot be read.

    ``dead``: its process is. To read it drops no lock: a process's locks fall when it closes the
    file itself.
    """
    try:
        descriptor = directory.open(layout.lock_name(stream))
    except OSError:
        return None
    try:
        data = os.pread(descriptor, _MOST_BYTES, 0)
        if data:
            return parse(data) or NONE_LOST
        return told_by_time(os.fstat(descriptor).st_mtime_ns, dead=dead)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def parse(data: bytes) -> LostRecords | None:
    """The words of a lock file. Whatever it does not know is nothing."""
    match = _PATTERN.fullmatch(data)
    if match is None:
        return None
    highest, closings = int(match[1]), int(match[2])
    return LostRecords(highest, closings) if 0 < highest < 2**53 else None


def told_by_time(modified_ns: int, *, dead: bool) -> LostRecords:
    """What an empty lock file says: a volume with no room for its words has room for its time.

    A real time says nothing yet; and of a process that is ``dead``, that it could say nothing.
    """
    highest, closings = divmod(modified_ns, _SECOND_NS)
    if not 0 <= highest < SPOOL_TOLD_BY_TIME_BEFORE:
        return SPEECHLESS if dead else NONE_LOST
    return LostRecords(highest, closings) if highest else NONE_LOST

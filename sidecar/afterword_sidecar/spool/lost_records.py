"""What a stream's lock file says of records that its spool had no room for."""

import os
import re
from typing import Final, NamedTuple

from afterword_sidecar.spool import layout
from afterword_sidecar.spool.directory import SpoolDirectory

_MOST_BYTES: Final = 64
_PATTERN: Final = re.compile(rb" *([0-9]{1,16}) +([0-9]{1,16})\n")


class LostRecords(NamedTuple):
    """Records that could not be written."""

    highest: int
    """The greatest of their numbers."""
    closings: int
    """How many of them told how a task ended."""


NONE_LOST: Final = LostRecords(0, 0)


def read(directory: SpoolDirectory, stream: str) -> LostRecords | None:
    """What the lock file of a stream (in hex) says; ``None`` if nothing was lost, or nothing said.

    To read it drops no lock: a process's locks fall when it closes the file itself.
    """
    try:
        descriptor = directory.open(layout.lock_name(stream))
    except OSError:
        return None
    try:
        return parse(os.pread(descriptor, _MOST_BYTES, 0))
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

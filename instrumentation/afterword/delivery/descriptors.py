"""File descriptors that are written to, or closed, only while they are still ours.

A host may close every descriptor it sees (daemons do), and open its own files under the same
numbers. What we would write or close then belongs to somebody else.
"""

import os
from typing import Final, NamedTuple

NONE: Final = -1


class Identity(NamedTuple):
    """Which file a descriptor stands for."""

    device: int
    inode: int


def identity(status: os.stat_result) -> Identity:
    """The identity in a ``stat`` or ``fstat`` result."""
    return Identity(status.st_dev, status.st_ino)


def is_open_on(descriptor: int, file: Identity) -> bool:
    """Whether the descriptor is open on this file, and the file still has a name."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return identity(status) == file and status.st_nlink > 0


def close_if_ours(descriptor: int, file: Identity) -> None:
    """Close the descriptor unless it stands for another file by now."""
    try:
        if identity(os.fstat(descriptor)) == file:
            os.close(descriptor)
    except OSError:
        return  # closed already: that is what was wanted

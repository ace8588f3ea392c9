"""Asking for locks the way the sidecar does: ``F_OFD_GETLK``, which takes nothing."""

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

_GETLK: Final = getattr(fcntl, "F_OFD_GETLK", 36)


def is_held(path: Path) -> bool:
    """Whether any process holds a lock on the file. Not to be asked by the holder: it would drop.

    Opening and closing a file drops the POSIX locks that the *same* process has on it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, _GETLK, question)
    finally:
        os.close(descriptor)
    return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)

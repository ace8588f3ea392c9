"""Holding a journal's directory: one sidecar writes it."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from afterword_sidecar.journal.errors import JournalError

LOCK: Final = "journal.lock"


def hold(directory: Path) -> int:
    """Make the directory if need be and lock it; returns the descriptor that holds the lock.

    Raises ``JournalError`` if another process holds it, ``OSError`` if it cannot be made.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise  # a file system without locks
        raise JournalError(
            "open journal", directory, "held by another sidecar", "give this one its own"
        ) from error
    return descriptor


def sync_directory(directory: Path) -> None:
    """Make the names in it durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

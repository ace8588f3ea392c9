# Descriptors and stat results are the os module's; pathlib only wraps them.
# ruff: noqa: PTH104, PTH108, PTH116
"""The lock that says that a process lives: it falls when the process dies, however it dies.

A POSIX record lock (``fcntl.lockf``), because a forked child does not inherit it, as it would an
``flock`` or an open-file-description lock. It falls too when the process closes *any* descriptor of
the file: so the lock file is opened once, never again. It holds a line of fixed length, whose room
is taken at the beginning and which is written in place: what had no room elsewhere (``losses``).
If there was none for the line either, the time of the empty file stands for it until there is.
"""

import contextlib
import os
from typing import Final

from afterword import names
from afterword.delivery import descriptors
from afterword.delivery.errors import SpoolError
from afterword.delivery.losses import NOTHING_LOST, Losses


class StreamLock:
    """The held lock of one stream. Made by ``acquire``, let go by the end of the process."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path: Final = path
        self._descriptor: Final = descriptor
        self._file: Final = descriptors.identity(os.fstat(descriptor))
        self.has_room = False
        """Whether its line is in the file: what it says is never kept from being written then."""

    @classmethod
    def acquire(cls, directory: str, stream_hex: str, file_mode: int) -> "StreamLock":
        """Create ``{stream_hex}.lock`` in the directory, held by this process.

        The name appears only once the lock is held (created as ``.{stream_hex}.lock``, locked,
        renamed), so whoever sees the name and no lock sees a process that died. Raises
        ``SpoolError`` where the system has no such locks, ``OSError`` where files cannot be made.
        """
        try:
            import fcntl  # noqa: PLC0415 - not on Windows nor in a browser, where HTTP delivery works
        except ImportError as error:
            raise SpoolError(
                "a spool needs POSIX locks, which this system has not; deliver over HTTP "
                "(AFTERWORD_ENDPOINT)"
            ) from error
        name = stream_hex + names.SPOOL_LOCK_SUFFIX
        hidden, visible = f"{directory}/.{name}", f"{directory}/{name}"
        # O_CLOEXEC is Python's default: a program this process execs into holds nothing of ours.
        descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, file_mode)
        try:
            os.fchmod(descriptor, file_mode)
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            has_room = _put(descriptor, NOTHING_LOST, 0)
            os.rename(hidden, visible)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(hidden)
            os.close(descriptor)
            raise
        lock = cls(visible, descriptor)
        lock.has_room = has_room
        return lock

    def stands(self) -> bool:
        """Whether the visible name is still this lock's file, and the descriptor still ours."""
        try:
            named = descriptors.identity(os.stat(self.path))
        except OSError:
            return False
        return named == self._file and descriptors.is_open_on(self._descriptor, self._file)

    def tell(self, losses: Losses) -> None:
        """Have the file say this, in the place of what it said."""
        if descriptors.is_open_on(self._descriptor, self._file):
            self.has_room = _put(self._descriptor, losses.words(), losses.as_time_ns())

    def close(self) -> None:
        """Close the descriptor: in the process that holds the lock, this is what drops it.

        In a forked child it drops nothing: the lock is the parent's.
        """
        descriptors.close_if_ours(self._descriptor, self._file)


def _put(descriptor: int, line: bytes, as_time_ns: int) -> bool:
    """Write the line, or set the file's time for it; whether there was room for the line.

    In this order, as what cannot be written sets the time too, to the present.
    """
    try:
        return os.pwrite(descriptor, line, 0) == len(line)
    except OSError:
        with contextlib.suppress(OSError):  # then it can say nothing, but be held
            os.utime(descriptor, ns=(as_time_ns, as_time_ns))
        return False

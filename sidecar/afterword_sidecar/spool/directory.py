"""The spool directory as the sidecar holds it: opened once, listed when it changed, locked.

Files are opened relative to the directory's descriptor, never through a link, and only regular
ones: a FIFO, a device or a directory with a segment's name can neither hang nor mislead the reader.
"""

import fcntl
import os
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from afterword import names
from afterword_sidecar.spool.errors import SpoolError
from afterword_sidecar.spool.mounts import file_system_type

DIRECTORY_MODE: Final = 0o700
"""Of a directory that the sidecar makes. For applications of other users, make it beforehand with
a group of theirs and the sidecar's: mode 2770."""

_MOUNT_TABLE: Final = Path("/proc/self/mountinfo")
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SETTLED_SECONDS: Final = 0.1
"""The kernel stamps files with a clock that ticks every 1 to 10 ms: a change within the tick of the
last one leaves the directory's time as it was, so only an old time is trusted."""
_RELIST_SECONDS: Final = 1.0
"""And some file systems do not keep it at all, so the directory is listed so often anyway."""


class SpoolDirectory:
    """A spool directory held by this sidecar and no other. Made by ``SpoolDirectory.take``."""

    def __init__(self, path: str, descriptor: int, lock: int) -> None:
        self.path: Final = path
        self._descriptor = descriptor
        self._lock = lock
        self._listed_mtime_ns = -1
        self._listed_at = 0.0
        self._settled = False

    @classmethod
    def take(cls, path: str) -> "SpoolDirectory":
        """Make the directory if there is none, and hold it.

        Raises:
            SpoolError: it cannot be made or opened, is on a network file system, is held by another
                sidecar, or this system has no locks to ask about.
        """
        return cls(path, *_take(path))

    def retake(self) -> None:
        """Hold what the path leads to by now. Raises as ``take``, and then nothing is held."""
        self.close()
        self._settled = False
        self._descriptor, self._lock = _take(self.path)

    def still_there(self) -> bool:
        """Whether the path still leads to the directory that is held."""
        try:
            return os.path.samestat(Path(self.path).stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def changed(self, now: float) -> bool:
        """Whether the names may be others than at the last listing. ``now``: Unix seconds."""
        return (
            not self._settled
            or not 0 <= now - self._listed_at < _RELIST_SECONDS
            or os.fstat(self._descriptor).st_mtime_ns != self._listed_mtime_ns
        )

    def file_names(self, now: float) -> set[str]:
        """The names of all regular files. Raises ``OSError``."""
        self._settled = False
        # The time is read before the names: what comes in between is listed once more.
        self._listed_mtime_ns = os.fstat(self._descriptor).st_mtime_ns
        self._listed_at = now
        with os.scandir(self._descriptor) as entries:
            found = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
        self._settled = now - self._listed_mtime_ns / 1e9 > _SETTLED_SECONDS
        return found

    def open(self, name: str) -> int:
        """A read-only descriptor of a regular file. Raises ``OSError``; never waits."""
        descriptor = os.open(name, _OPEN_FLAGS, dir_fd=self._descriptor)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise OSError(f"{name} is not a regular file")

    def status(self, name: str) -> os.stat_result:
        """What the file system says of a file, links not followed. Raises ``OSError``."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Delete a file; one that is gone already is fine. Raises ``OSError``."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def close(self) -> None:
        """Let go of the directory. Idempotent."""
        for descriptor in (self._lock, self._descriptor):
            if descriptor >= 0:
                os.close(descriptor)
        self._lock = self._descriptor = -1


def _take(path: str) -> tuple[int, int]:
    """Descriptors of the directory and of the sidecar's lock in it."""
    if not hasattr(fcntl, "F_OFD_GETLK"):
        raise SpoolError("watch", path, "a spool needs Linux; use HTTP delivery elsewhere")
    try:
        Path(path).mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        hint = f"{error.strerror}; the sidecar's user needs to read and write it"
        raise SpoolError("open spool directory", path, hint) from error
    try:
        _refuse_network(path)
        return descriptor, _take_lock(path, descriptor)
    except SpoolError:
        os.close(descriptor)
        raise


def _refuse_network(path: str) -> None:
    try:
        table = _MOUNT_TABLE.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return  # without /proc nothing is known against the directory
    kind = file_system_type(os.path.realpath(path), table)
    if kind in names.NETWORK_FILE_SYSTEMS:
        hint = f"it is on {kind}, where locks do not tell who died; use a local file system or HTTP"
        raise SpoolError("use spool directory", path, hint)


def _take_lock(path: str, directory: int) -> int:
    """The descriptor of ``sidecar.lock``, held.

    It is opened here and nowhere else: closing another descriptor of the file in this process would
    drop the lock.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        lock = os.open(names.SPOOL_SIDECAR_LOCK, flags, 0o600, dir_fd=directory)
    except OSError as error:
        subject = f"{path}/{names.SPOOL_SIDECAR_LOCK}"
        hint = f"{error.strerror}; the sidecar's user needs to read and write the directory"
        raise SpoolError("open", subject, hint) from error
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = _holder(lock)
        os.close(lock)
        remedy = "stop that one, or give this one a directory of its own"
        hint = f"another sidecar{holder} reads it; {remedy}"
        raise SpoolError("take spool directory", path, hint) from error
    return lock


def _holder(lock: int) -> str:
    """Whose lock it is, where the kernel tells (not across pid namespaces)."""
    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    pid = struct.unpack("hhqqi4x", fcntl.fcntl(lock, fcntl.F_GETLK, asked))[4]
    return f" (process {pid})" if pid > 0 else ""

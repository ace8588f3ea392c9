"""Is a stream's lock still held? Asked, never taken.

``F_OFD_GETLK`` tells of any process's lock, in any pid or mount namespace of this kernel, through a
read-only descriptor (fcntl(2)). A descriptor is kept per lock, so that asking is one system call
(0.4 µs), for as many as there is room for; the others' files are opened each time.
"""

import enum
import errno
import fcntl
import os
import resource
import struct
from typing import Final

from afterword_sidecar.spool.directory import SpoolDirectory

_FLOCK: Final = "hhqqi4x"
"""``struct flock`` of 64-bit Linux: type, whence, start, length, pid."""
_SPARE_DESCRIPTORS: Final = 512
"""Left for sockets, the database and the rest of the process."""
_MOST_DESCRIPTORS: Final = 65_536
"""Asked for where the hard limit allows more: so many streams on one host are beyond us anyway."""


class Lock(enum.Enum):
    """What asking found."""

    HELD = enum.auto()
    FALLEN = enum.auto()
    ABSENT = enum.auto()
    """No file of that name, and none was open."""
    UNKNOWN = enum.auto()
    """It cannot be asked: not readable, not a regular file, or no descriptor left."""


class LockWatch:
    """The descriptors of the locks of one directory."""

    def __init__(self, directory: SpoolDirectory, *, descriptors: int) -> None:
        """Keep at most ``descriptors`` open."""
        self._directory = directory
        self._room = descriptors
        self._open: dict[str, int] = {}
        self._question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

    def ask(self, name: str) -> Lock:
        """Whether some process holds a lock on the file ``name``."""
        descriptor = self._open.get(name)
        if descriptor is not None:
            answer = self._held(descriptor)
            if answer is not Lock.FALLEN:
                return answer
            # Where somebody deleted the file, its process makes it anew: ask under the name.
            self.forget(name)
        try:
            descriptor = self._directory.open(name)
        except FileNotFoundError:
            return Lock.ABSENT
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._room = len(self._open)  # others need descriptors more: keep no more of them
            return Lock.UNKNOWN
        answer = self._held(descriptor)
        if answer is Lock.HELD and len(self._open) < self._room:
            self._open[name] = descriptor
        else:
            os.close(descriptor)
        return answer

    def forget(self, name: str) -> None:
        """The stream is over."""
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of every descriptor."""
        for name in list(self._open):
            self.forget(name)

    def _held(self, descriptor: int) -> Lock:
        try:
            answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, self._question)
        except OSError:  # a file system without locks
            return Lock.UNKNOWN
        kind = struct.unpack_from("h", answer)[0]
        return Lock.FALLEN if kind == fcntl.F_UNLCK else Lock.HELD


def descriptors_for_locks() -> int:
    """Raise this process's soft limit on descriptors to the hard one; how many locks may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        wanted = _MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted - _SPARE_DESCRIPTORS, wanted // 2)

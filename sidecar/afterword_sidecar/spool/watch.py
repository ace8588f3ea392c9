"""Which streams there are, who of them lives, and what they have to tell. Blocking, no async.

The order within a look matters. Locks are asked first, then the directory is listed, then sizes are
taken: so a lock seen fallen is followed by a listing and by sizes that miss nothing of what its
process wrote, and a lock is seen fallen within one poll however much there is to read.
"""

from collections.abc import Iterable
from typing import Final

from afterword_sidecar.spool import layout
from afterword_sidecar.spool.complaints import Complaints
from afterword_sidecar.spool.directory import SpoolDirectory
from afterword_sidecar.spool.locks import Lock, LockWatch
from afterword_sidecar.spool.stats import SpoolStats
from afterword_sidecar.spool.tail import StreamTail

_LEFTOVER_SECONDS: Final = 60.0
"""A lock being made is made in less than a millisecond: one as old as this has lost its maker."""
_TRY_AGAIN_SECONDS: Final = 10.0
"""Between attempts at what cannot be read, and between sweeps of leftovers."""


class SpoolWatch:
    """The streams of one directory."""

    def __init__(
        self,
        directory: SpoolDirectory,
        stats: SpoolStats,
        complaints: Complaints,
        *,
        descriptors: int,
    ) -> None:
        self.tails: dict[str, StreamTail] = {}
        self.unasked = False
        """Streams were found whose locks were not asked yet: look again at once."""
        self._directory = directory
        self._stats = stats
        self._complaints = complaints
        self._locks = LockWatch(directory, descriptors=descriptors)
        self._known: set[str] = set()
        self._tried_again_at = 0.0
        self._unaskable = 0

    def look(self, now: float) -> None:
        """Bring everything up to date. ``now``: Unix seconds. Raises ``OSError``."""
        self._ask(now)
        fallen = [each for each in self.tails.values() if each.fallen and not each.settled]
        # Only what was listed after a lock was seen fallen is all that its process ever made.
        if fallen or self._directory.changed(now):
            self._list(now)
        for tail in fallen:
            tail.settled = True
        for tail in self.tails.values():
            tail.look(self._directory, now)
        if not 0 <= now - self._tried_again_at < _TRY_AGAIN_SECONDS:
            self._tried_again_at = now
            self._try_again(now)
        tails = self.tails.values()
        self._stats.streams_watched = sum(not each.fallen for each in tails)
        self._stats.files_unreadable = self._unaskable + sum(each.blocked for each in tails)

    def over(self, tail: StreamTail) -> None:
        """Nothing more of this stream is of interest."""
        del self.tails[tail.name]
        self._locks.forget(layout.lock_name(tail.name))

    def unreadable(self, name: str, error: OSError) -> None:
        """A file could not be read: say so once."""
        self._complaints.once(
            "unreadable",
            "cannot read %s in spool directory %s: %s; it is left where it is",
            name,
            self._directory.path,
            error.strerror or error,
        )

    def close(self) -> None:
        """Let go of the locks' descriptors."""
        self._locks.close()

    def _ask(self, now: float) -> None:
        self.unasked = False
        self._unaskable = 0
        for tail in self.tails.values():
            if tail.fallen:
                continue
            answer = self._locks.ask(layout.lock_name(tail.name))
            if answer is Lock.HELD:
                tail.alive_at = now
            elif answer is Lock.UNKNOWN:
                # Who cannot be asked is not dead: it is read, and never ended.
                self._unaskable += 1
                self._complaints.once(
                    "unaskable",
                    "cannot ask for the lock of stream %s in spool directory %s: its file is not "
                    "readable to the sidecar's user; its death will not be noticed",
                    tail.name,
                    self._directory.path,
                )
            else:
                # Absent is fallen too: a lock is visible before its stream's first segment, and it
                # was looked up by name, after that segment was seen.
                tail.fallen = True
                self._locks.forget(layout.lock_name(tail.name))

    def _list(self, now: float) -> None:
        names = self._directory.file_names(now)
        for name in self._known - names:
            file = layout.parse(name)
            if file is not None and file.number != layout.LOCK and file.stream in self.tails:
                self.tails[file.stream].drop(file.number)
        for name in names - self._known:
            file = layout.parse(name)
            if file is None:
                continue
            tail = self.tails.get(file.stream)
            if tail is None:
                tail = self.tails[file.stream] = StreamTail(file.stream)
                self.unasked = True
            if file.number != layout.LOCK:
                tail.add(file.number)
        self._known = names

    def _try_again(self, now: float) -> None:
        blocked = [each for each in self.tails.values() if each.blocked]
        for tail in blocked:
            tail.try_again()
        self._sweep(filter(layout.is_temporary, self._known), now)

    def _sweep(self, temporary: Iterable[str], now: float) -> None:
        """Delete locks in the making that are old and that nobody holds."""
        for name in temporary:
            try:
                old = now - self._directory.status(name).st_mtime > _LEFTOVER_SECONDS
                if old and self._locks.ask(name) is Lock.FALLEN:
                    self._directory.remove(name)
            except OSError as error:
                self.unreadable(name, error)
            self._locks.forget(name)

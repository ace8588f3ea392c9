"""The segments of one stream: lines appended to files that rotate, in a directory that is bounded.

A line is one ``write`` on an ``O_APPEND`` descriptor: whole for every reader once the call returns,
and beyond the reach of SIGKILL. All else (the first segment, rotation, a full disk, a directory
that was removed) is the slow path, taken when the allowance until the next look is used up.
"""

import errno
import os
import threading
from collections.abc import Callable
from typing import Final

from afterword import internal_errors, names
from afterword.delivery import descriptors, directory
from afterword.delivery.errors import Complaints, SpoolError
from afterword.delivery.footing import Footing
from afterword.delivery.held import Held

DEFAULT_SEGMENT_BYTES: Final = 4 * 1024 * 1024
DEFAULT_TOTAL_BYTES: Final = 256 * 1024 * 1024
DEFAULT_HELD_BYTES: Final = 1024 * 1024
LEAST_SEGMENT_BYTES: Final = 64 * 1024

_LOOK_NS: Final = 1_000_000_000
"""How long a segment is trusted, and how long a spool in trouble is left alone: one second."""
_NO_SPACE: Final = frozenset((errno.ENOSPC, errno.EDQUOT))
_PASSES: Final = _NO_SPACE | {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""What may be over in a moment: no room on the disk, no descriptor or memory left."""


def allowance(usage: directory.Usage, segment_bytes: int, total_bytes: int) -> int:
    """How many bytes the next segment of one stream may take; 0 when the directory is full.

    Half of what is left, in equal shares: so the total holds although nobody asks before each
    line, and thousands of processes that start together do not overrun it between two looks.
    """
    left = total_bytes - usage.used_bytes
    share = left // (2 * max(1, usage.streams))
    least = min(LEAST_SEGMENT_BYTES, segment_bytes)
    return min(segment_bytes, max(share, least)) if left >= least else 0


class Segments:
    """Appends lines to the stream's current segment. Thread-safe and re-entrant; never raises.

    They stand on a directory and a lock (``footing``), which are made before each new segment and
    looked after once a second while lines are written. Where segment or lock are gone, nobody knows
    what of it was read: the next segment begins with ``account``, a line that tells the totals.
    """

    def __init__(
        self,
        footing: Footing,
        *,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
        total_bytes: int = DEFAULT_TOTAL_BYTES,
        held_bytes: int = DEFAULT_HELD_BYTES,
        account: Callable[[], bytes] | None = None,
    ) -> None:
        self._footing: Final = footing
        self._path: Final = footing.directory
        self._account: Final = account
        self._stem: Final = f"{footing.directory}/{footing.stream_hex}."
        self._segment_bytes: Final = segment_bytes
        self._total_bytes: Final = total_bytes
        # Re-entrant, as a finalizer or a signal handler may write in the middle of a write.
        self._lock: Final = threading.RLock()
        self._complaints: Final = Complaints()
        self._descriptor = descriptors.NONE
        self._file = descriptors.Identity(0, 0)
        self._number = 0
        self._granted = 0  # bytes the current segment may take in all
        self._allowed = 0  # bytes it may still take
        self._usage = directory.Usage(0, 0)
        self._usage_at_ns = -_LOOK_NS
        self._torn = False
        self._fresh = True  # nothing has been written to the current segment
        self._look_at_ns = 0
        self._trouble_at_ns = -_LOOK_NS
        self._cramped_at_ns = -_LOOK_NS  # when a segment was last left because the disk was full
        self._closed = False
        self._busy = False
        self._meanwhile: list[tuple[bytes, int]] = []
        self._no_room = False
        self._held: Final = Held(footing, held_bytes)
        self.lost = 0
        """Lines that could not be written. They leave holes in the sequence."""

    def write(self, line: bytes, now_ns: int) -> None:
        """Append one line, which ends in a newline. ``now_ns`` is Unix time.

        A line that a full disk has no room for waits in memory; one that cannot be written for
        another reason, or has no room there either, is lost and counted.
        """
        with self._lock:
            if now_ns < self._look_at_ns and self._allowed > 0:
                try:
                    written = os.write(self._descriptor, line)
                except OSError as error:
                    self._note(error)
                    self._distrust(error, now_ns)
                else:
                    self._allowed -= written
                    if written == len(line):
                        return
                    self._torn = True
            self._write_slowly(line, now_ns)
        self._complaints.say()

    def _write_slowly(self, line: bytes, now_ns: int) -> None:
        """Look after the segment first; what finalizers send meanwhile comes after this line."""
        self._meanwhile.append((line, now_ns))
        if self._busy:
            return
        self._busy = True
        try:
            self._write_meanwhile()
        finally:
            self._busy = False

    def _write_meanwhile(self) -> None:
        while self._meanwhile:
            line, now_ns = self._meanwhile.pop(0)
            if not (self._write_held(now_ns) and self._try(line, now_ns)):
                self._keep(line)

    @property
    def waiting(self) -> int:
        """Lines that wait in memory for room on the disk."""
        return len(self._held)

    def flush(self, now_ns: int) -> bool:
        """Write what waits in memory, if there is room by now; whether nothing waits."""
        with self._lock:
            if self._held and not self._busy:
                self._trouble_at_ns = now_ns - _LOOK_NS  # somebody asks: it is not left alone now
                self._busy = True
                try:
                    self._write_held(now_ns)
                    self._write_meanwhile()
                finally:
                    self._busy = False
        self._complaints.say()
        return not self._held

    def _write_held(self, now_ns: int) -> bool:
        return self._held.write(lambda line: self._try(line, now_ns))

    def _keep(self, line: bytes) -> None:
        """In memory, if that may pass which kept it from being written; else it is lost."""
        if not (self._no_room and not self._closed and self._held.take(line)):
            self.lost += 1
            self._footing.note_lost(line)

    def _try(self, line: bytes, now_ns: int) -> bool:
        """Write the line to this segment, or to a new one if this one turns out to be no good."""
        while self._look(now_ns):
            if self._append(line, now_ns):
                return True
            if self._descriptor != descriptors.NONE:
                return False
        return False

    def _append(self, line: bytes, now_ns: int) -> bool:
        """One write, begun with a newline where the last one was cut short."""
        whole = b"\n" + line if self._torn else line
        try:
            written = os.write(self._descriptor, whole)
        except OSError as error:
            self._note(error)
            if not self._distrust(error, now_ns) and self._fresh:
                self._trouble_at_ns = now_ns
            return False
        self._fresh = False
        self._allowed -= written
        self._torn = self._no_room = written != len(whole)
        if self._torn:
            self._look_at_ns = 0
            return False
        self._footing.there_is_room()
        return True

    def _look(self, now_ns: int) -> bool:
        """Whether there is a segment to write to, after doing what can be done about it."""
        if self._closed or 0 <= now_ns - self._trouble_at_ns < _LOOK_NS:
            return False
        bereft = False
        try:
            if not (self._allowed > 0 and self._stands()):
                bereft = self._is_bereft()
                self._open_next(now_ns)
        except (OSError, SpoolError) as error:
            self._note(error)
            self._trouble_at_ns = now_ns
            return False
        self._look_at_ns = now_ns + _LOOK_NS
        if bereft and self._account is not None:
            self._give_account(self._account, now_ns)
        return True

    def _is_bereft(self) -> bool:
        """Whether somebody took away what was written: the current segment, or the lock."""
        if self._footing.is_lost:
            return True
        return self._descriptor != descriptors.NONE and not descriptors.is_open_on(
            self._descriptor, self._file
        )

    def _give_account(self, account: Callable[[], bytes], now_ns: int) -> None:
        try:
            line = account()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("telling the totals of a stream")
            return
        if not self._append(line, now_ns):
            self._keep(line)

    def _stands(self) -> bool:
        """Whether what is written can still be found: segment, lock and directory are there."""
        return descriptors.is_open_on(self._descriptor, self._file) and self._footing.stands()

    def _open_next(self, now_ns: int) -> None:
        """Create the next segment and leave the last; raises ``OSError`` or ``SpoolError``."""
        mode = self._footing.prepare()
        allowed = allowance(self._measure(now_ns), self._segment_bytes, self._total_bytes)
        if not allowed:
            raise SpoolError(
                f"spool directory {self._path!r} holds its {self._total_bytes} bytes: evidence is "
                "lost until the sidecar has cleared it; is one running on this directory?"
            )
        name = f"{self._stem}{self._number + 1:08d}{names.SPOOL_SEGMENT_SUFFIX}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        descriptor = os.open(name, flags, mode)
        os.fchmod(descriptor, mode)
        self._leave()
        self._number += 1
        self._descriptor = descriptor
        self._file = descriptors.identity(os.fstat(descriptor))
        self._granted = self._allowed = allowed
        self._torn = False
        self._fresh = True

    def _measure(self, now_ns: int) -> directory.Usage:
        """How full the directory is: scanned at most once a second, ours added meanwhile."""
        if 0 <= now_ns - self._usage_at_ns < _LOOK_NS:
            written = self._granted - self._allowed
            self._usage = self._usage._replace(used_bytes=self._usage.used_bytes + written)
        else:
            self._usage = directory.usage(self._path)
            self._usage_at_ns = now_ns
        self._granted = self._allowed
        return self._usage

    def _distrust(self, error: OSError, now_ns: int) -> bool:
        """After a failed write: whether the segment is still the one to write to.

        A full disk may have room again at the next line. But the sidecar deletes a segment only
        when there is a later one, so one that holds something is left, once a second at most: what
        fills the disk may be ours. Anything else (EFBIG, EIO, a descriptor that somebody closed)
        is this file's, and a new segment may do.
        """
        self._look_at_ns = 0
        if error.errno in _NO_SPACE:
            if self._fresh or 0 <= now_ns - self._cramped_at_ns < _LOOK_NS:
                return True
            self._cramped_at_ns = now_ns
        self._leave()
        return False

    def _note(self, error: OSError | SpoolError) -> None:
        self._no_room = isinstance(error, OSError) and error.errno in _PASSES
        if isinstance(error, SpoolError):
            self._complaints.note("spool", str(error))
        else:
            self._complaints.note(
                f"errno {error.errno}",
                f"cannot write to spool directory {self._path!r}: {error.strerror}; what has no "
                "room waits in memory, and what cannot be written at all is lost and counted",
            )

    def _leave(self) -> None:
        if self._descriptor != descriptors.NONE:
            descriptors.close_if_ours(self._descriptor, self._file)
            self._descriptor = descriptors.NONE
        self._granted = self._allowed = 0

    def close(self) -> None:
        """Close the segment; lines that still wait, and later ones, are lost."""
        with self._lock:
            self.lost += len(self._held)
            self._closed = True
            self._look_at_ns = 0
            self._leave()

    def abandon(self) -> None:
        """``close`` for a forked child: takes no lock, which a thread of the parent may hold."""
        self._held.forget()
        self._closed = True
        self._look_at_ns = 0
        self._leave()

"""Lines that wait in memory for room on a full disk: few, the first come, in their order."""

from collections import deque
from collections.abc import Callable

from afterword.delivery.footing import Footing


class Held:
    """At most ``capacity_bytes`` of lines. Not thread-safe: used with the lock of ``Segments``.

    They die with the process, so the lock file counts them as lost until they are written.
    """

    def __init__(self, footing: Footing, capacity_bytes: int) -> None:
        self._footing = footing
        self._free_bytes = capacity_bytes
        self._lines: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._lines)

    def take(self, line: bytes) -> bool:
        """Keep the line; whether there was room for it."""
        if len(line) > self._free_bytes:
            return False
        self._lines.append(line)
        self._free_bytes -= len(line)
        self._footing.note_held(line)
        return True

    def write(self, write: Callable[[bytes], bool]) -> bool:
        """Write them all, the oldest first, until one fails; whether none is left."""
        if not self._lines:
            return True
        while self._lines:
            if not write(self._lines[0]):
                return False
            self._free_bytes += len(self._lines.popleft())
        self._footing.none_held()
        return True

    def forget(self) -> None:
        """They are another process's: this one was forked from it."""
        self._lines.clear()

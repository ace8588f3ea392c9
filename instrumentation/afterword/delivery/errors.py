"""What can be wrong with where evidence should go; and saying so once."""

from collections import deque
from typing import Final

from afterword.internal_errors import Log

_logger: Final = Log("afterword.delivery")


class SpoolError(Exception):
    """A spool directory cannot be used: what was tried, on what, why, and what to do about it."""


class Complaints:
    """Warnings, each kind of them once in the life of a delivery.

    ``note`` only remembers, so it may be called with a lock held; ``say`` logs, and a logging
    handler may do anything, such as schedule a task or wait for a lock of its own.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._unsaid: deque[str] = deque()

    def note(self, kind: str, message: str) -> None:
        """Keep ``message`` to be said, unless something of this kind was noted before."""
        if kind not in self._known:
            self._known.add(kind)
            self._unsaid.append(message)

    def say(self) -> None:
        """Log what was noted since; call it without holding a lock."""
        while True:
            try:
                message = self._unsaid.popleft()
            except IndexError:  # all said, perhaps by another thread meanwhile
                return
            _logger.warning("afterword: %s", message)

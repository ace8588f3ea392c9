"""Up to when everything that was written is booked, so that time does not overtake the rest.

A task whose closing lies unread must not be pronounced timed out: while the reader is behind, the
book's time stands where the reader last was up to date. At the start that is before all time.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack


class Frontier:
    """Holds the book's time while there is something left to read."""

    def __init__(self, arrived: Callable[[float], AbstractContextManager[None]]) -> None:
        """``arrived`` holds time at a moment (Unix seconds) until what it returns is left."""
        self._arrived = arrived
        self._holding = ExitStack()
        self.caught_up_at = 0.0
        """Everything written before this is booked."""
        self.behind_since: float | None = None
        """As long as time is held: the moment it is held at."""

    def fall_behind(self) -> None:
        """There is, or may be, something unread."""
        if self.behind_since is None:
            self.behind_since = self.caught_up_at
            self._holding.enter_context(self._arrived(self.caught_up_at))

    def catch_up(self, at: float) -> None:
        """Everything written before ``at`` is booked."""
        self.caught_up_at = at
        self.let_go()

    def let_go(self) -> None:
        """Hold time no longer: nothing is left to read, or it cannot be read anyway."""
        self.behind_since = None
        self._holding.close()

"""What anybody who reaches a port can cause, and how little of it is logged: a line a minute."""

import time
from collections.abc import Callable
from typing import Final

SECONDS_BETWEEN_LINES: Final = 60.0


class NowAndThen:
    """Counts what happens, and says when that is to be told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is monotonic, seconds."""
        self._clock = clock
        self._silent_until = -1.0
        self._count = 0

    def happened(self) -> int:
        """How often since it was last told; 0: it is not to be told now."""
        self._count += 1
        now = self._clock()
        if now < self._silent_until:
            return 0
        self._silent_until = now + SECONDS_BETWEEN_LINES
        count, self._count = self._count, 0
        return count

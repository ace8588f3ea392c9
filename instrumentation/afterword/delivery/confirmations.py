"""Who waits to hear that evidence was taken: callbacks in the order of what they wait for."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

MOST_WAITING: Final = 10_000
"""Beyond it, confirmations are refused at once: a sidecar that is down must not fill the memory."""

Confirm = Callable[[bool], None]


class Confirmations:
    """Waiting callbacks, each with the mark that must be passed. From any thread."""

    def __init__(self) -> None:
        self._waiting: Final[deque[tuple[int, int, Confirm]]] = deque()
        self._lock: Final = threading.Lock()

    def add(self, mark: int, lost: int, confirm: Confirm) -> None:
        """Call ``confirm`` once ``mark`` is passed: true if no more than ``lost`` was lost then."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((mark, lost, confirm))
        else:
            confirm(False)

    def passed(self, mark: int, lost: int) -> None:
        """Everything up to ``mark`` was taken, ``lost`` records excepted, counted from the start.

        Losses are not told apart: whoever waited while something was lost hears false.
        """
        while True:
            with self._lock:
                if not self._waiting or self._waiting[0][0] > mark:
                    return
                _, lost_before, confirm = self._waiting.popleft()
            confirm(lost == lost_before)

    def give_up(self) -> None:
        """Nothing will be sent any more: whoever still waits hears false."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                _, _, confirm = self._waiting.popleft()
            confirm(False)

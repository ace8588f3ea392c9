"""A thread of ours, started at its first need; where none is to be had, tried again.

At the next need, as nobody may have any for a long time after that; then once a second.
"""

import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

PAUSE_SECONDS: Final = 1.0
"""Between two attempts: a process may be at its limit of threads for a while, and is busy then."""
_BROWSER: Final = "emscripten"  # Cloudflare's Python Workers too: no threads, ever


class Worker:
    """One daemon thread, for the life of the process that made this. From any thread."""

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self._name: Final = name
        self._run: Final = run
        self._starting: Final = threading.Lock()
        self._not_before = 0.0
        self._was_refused = False
        self.thread: threading.Thread | None = None

    @property
    def is_missing(self) -> bool:
        """Whether there is no thread for now, nor anybody who is starting it."""
        if self.thread is not None:
            return False
        return sys.platform == _BROWSER or monotonic() < self._not_before

    def start(self) -> str:
        """Start the thread unless it runs, or was tried a moment ago; what kept it from starting.

        Empty where nothing did.
        """
        if self.thread is not None or self.is_missing or not self._starting.acquire(blocking=False):
            return ""
        try:
            if self.thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self.thread = thread
        except RuntimeError as error:  # no more of them, or the interpreter ends
            self._not_before = monotonic() + PAUSE_SECONDS if self._was_refused else 0.0
            self._was_refused = True
            return str(error)
        finally:
            self._starting.release()
        return ""

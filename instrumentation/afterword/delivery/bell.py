"""A bell: wakes one sleeping thread, and may be rung from anywhere."""

from threading import Lock
from typing import Final


class Bell:
    """Wakes one sleeper. Ringing is cheap, never waits, and is safe from finalizers and signals."""

    def __init__(self) -> None:
        self._silent: Final = Lock()
        self._silent.acquire()

    def ring(self) -> None:
        """Wake the sleeper, or keep it from falling asleep the next time."""
        try:
            self._silent.release()
        except RuntimeError:
            return  # rung already, and not yet heard

    def hush(self) -> None:
        """Forget that it was rung."""
        self._silent.acquire(blocking=False)

    def wait(self, timeout_seconds: float | None) -> None:
        """Return when rung, or after the time given (``None``: for ever)."""
        self._silent.acquire(timeout=-1 if timeout_seconds is None else max(0.0, timeout_seconds))

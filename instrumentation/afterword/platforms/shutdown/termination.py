"""SIGTERM: pending tasks are reported, and then everything goes as it would have gone.

Whatever handler is there is called afterwards. A server's handler only asks for a stop, so nothing
waits before it. Where the signal would have killed the process there and then, the report has
``exit_timeout_seconds`` to leave; then the process dies of SIGTERM all the same.

As every signal handler of Python's, ours runs on the main thread between two of its steps: a main
thread that is inside a C function which does not return puts it off.
"""

import signal
import threading
from _thread import allocate_lock, start_new_thread
from types import FrameType
from typing import Any, Final

from afterword import internal_errors, shutdown

_LONGEST_WAIT_SECONDS: Final = 60.0


class Handler:
    """In the place of the handler that was there, which it calls."""

    def __init__(self, previous: Any) -> None:
        self.previous: Final = previous
        """A function, or ``SIG_DFL``."""

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        """Report, and let the other one do what it does."""
        kills = self.previous is signal.SIG_DFL
        try:
            if shutdown.is_reporting():
                _aside(shutdown.end_process if kills else shutdown.report, wait=kills)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("reporting pending tasks at SIGTERM")
        if not kills:
            return self.previous(number, frame)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        return None


def _aside(report: Any, *, wait: bool) -> None:
    """Do it in a thread: it looks at every pending task, and may want locks that we hold here."""
    done = allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            report()
        finally:
            done.release()

    try:
        start_new_thread(run, ())
    except RuntimeError:  # no threads here
        report()
        return
    if wait:
        done.acquire(timeout=_LONGEST_WAIT_SECONDS)


def hook() -> None:
    """Put ours before the handler that is there now, unless it is ours already.

    Only the main thread may. Left alone are a process that ignores SIGTERM, which does not stop,
    and a handler that Python cannot call.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    previous = signal.getsignal(signal.SIGTERM)
    if previous is signal.SIG_DFL or (callable(previous) and not isinstance(previous, Handler)):
        signal.signal(signal.SIGTERM, Handler(previous))


def unhook() -> None:
    """The handler that was there is there again, unless somebody has put another."""
    if threading.current_thread() is not threading.main_thread():
        return
    current = signal.getsignal(signal.SIGTERM)
    if isinstance(current, Handler):
        signal.signal(signal.SIGTERM, current.previous)

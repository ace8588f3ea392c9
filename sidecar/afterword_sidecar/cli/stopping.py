"""A stop by signal: asked for once, and forced where it does not come to an end."""

import asyncio
import os
import signal
import threading
from typing import Final

_FORCED: Final = 1
"""The exit code then."""


def stop_asked(within_seconds: float) -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process as ever."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        # A thread, as the loop itself may be what does not come to an end.
        force = threading.Timer(within_seconds, os._exit, (_FORCED,))
        force.daemon = True
        force.start()
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    return asked

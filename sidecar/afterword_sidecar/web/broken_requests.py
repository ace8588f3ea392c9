"""What is no HTTP, and how little of it is logged: anybody who reaches a port can send it.

aiohttp answers it (400, connection closed) and would log a traceback each time, with pieces of what
was sent, tokens too. It is a line now and then instead. What else aiohttp logs is a bug of ours.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from afterword_sidecar.web.now_and_then import NowAndThen


class ServerLog(logging.LoggerAdapter[logging.Logger]):
    """The ``logger`` of a runner: broken requests are counted, bugs are passed on."""

    def __init__(self, port: str, clock: Callable[[], float] = time.monotonic) -> None:
        """``port``: whose it is, for the line; ``clock`` is monotonic, seconds."""
        super().__init__(logging.getLogger(__name__))
        self._port = port
        self._turned_away = NowAndThen(clock)

    def debug(self, msg: object, *args: object, **_: Any) -> None:
        """Without what was sent, which is in the exception."""
        super().debug(msg, *args)

    def exception(self, msg: object, *args: object, exc_info: Any = True, **_: Any) -> None:
        """An error with its traceback, unless it is the sender's."""
        # aiohttp gives the exception itself where it has one.
        error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
        if isinstance(error, HttpProcessingError | RequestPayloadError):
            self._turn_away(error)
        elif isinstance(error, ConnectionError):
            self.debug("who asked hung up before the answer was written")
        else:
            super().exception(msg, *args, exc_info=error or exc_info)

    def _turn_away(self, error: Exception) -> None:
        if count := self._turned_away.happened():
            fields = {"port": self._port, "why": type(error).__name__, "requests": count}
            self.logger.warning("requests that are no valid HTTP are turned away", extra=fields)

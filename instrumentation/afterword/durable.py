"""Durable tasks: work begins only when its opening is safe, so that no kill can make it unknown.

Safe is acknowledged by the sidecar, which has it on its disk (HTTP), or written (spool). The wait
is inside the task, not in ``wait_until``: it costs the response nothing. It is bounded: a sidecar
that does not answer must not keep the work from being done. Then the work begins all the same, and
a warning and an attribute of its span say so.
"""

import asyncio
from typing import Any, Final

from afterword.internal_errors import logger


class Confirmation:
    """Whether one task's opening is safe: told once, by any thread; awaited by the task."""

    __slots__ = ("_safe", "_timeout_seconds", "_waiting")

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds: Final = timeout_seconds
        self._safe: bool | None = None
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None

    def tell(self, safe: bool) -> None:  # noqa: FBT001 - the delivery's callback
        """The opening is safe, or was given up. Called once, on any thread."""
        self._safe = safe
        waiting = self._waiting
        if waiting is not None:
            loop, future = waiting
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:
                return  # its loop has closed: nobody waits any more

    async def wait(self) -> bool:
        """Return when it is safe, was given up, or took too long; whether it is safe."""
        if self._safe is None:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            self._waiting = (loop, future)
            if self._safe is None:  # not told in between, on another thread
                timer = loop.call_later(self._timeout_seconds, _wake, future)
                try:
                    await future
                finally:
                    timer.cancel()
                    self._waiting = None
        if not self._safe:
            self._say_unsafe()
        return self._safe is True

    def _say_unsafe(self) -> None:
        why = (
            f"its opening was not acknowledged within {self._timeout_seconds:g} s"
            if self._safe is None
            else "its opening could not be delivered"
        )
        logger.warn_once(
            why,
            "afterword: a durable task begins although %s: it may be lost unseen if the "
            "process is killed now. (Told once per reason.)",
            why,
        )


def _wake(future: "asyncio.Future[Any]") -> None:
    if not future.done():
        future.set_result(None)

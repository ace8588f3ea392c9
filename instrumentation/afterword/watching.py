"""Tasks and Futures pass through unwrapped: a done-callback tells how they ended."""

import asyncio
import gc
import sys
import weakref
from typing import Any, Final

from afterword import endings, internal_errors
from afterword.tracked import Tracked


class _Watcher:
    """The done-callback. If it goes before the future is done, so did the future."""

    __slots__ = ("timer", "tracked")

    def __init__(self, tracked: Tracked) -> None:
        self.tracked: Final = tracked
        self.timer: asyncio.TimerHandle | None = None

    def __call__(self, future: "asyncio.Future[Any]") -> None:
        try:
            if self.timer is not None:
                self.timer.cancel()
            self.tracked.end(_error_of(future))
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("telling how a watched task ended")

    def expire(self, future: "asyncio.Future[Any]") -> None:
        """The caller's ``timeout=`` ran out."""
        self.tracked.timeout_expired = True
        future.cancel()

    def __del__(self) -> None:
        tracked = self.tracked
        if tracked.settled:
            return
        try:
            future = tracked.suspended() if tracked.suspended is not None else tracked.future
            if future is not None and future.done():
                # Its loop closed between its end and its callbacks.
                tracked.end(_error_of(future))
            else:
                stopping = tracked.stream.stopping
                tracked.settle(endings.SHUTDOWN if stopping else endings.ABANDONED)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            if not sys.is_finalizing():
                internal_errors.handle("noticing that a watched task was dropped")


def watch(
    future: "asyncio.Future[Any]",
    tracked: Tracked,
    timeout_seconds: float | None,
    *,
    keep_alive: bool = True,
) -> None:
    """Follow a future to its end. It counts as started: it runs whether it is watched or not.

    A Task is kept alive, as asyncio's loop would not, unless nobody asked for that; a plain Future
    is not: if nobody else holds it, nobody can ever resolve it.
    """
    tracked.start()
    if future.done():
        tracked.end(_error_of(future))
        return
    watcher = _Watcher(tracked)
    if keep_alive and isinstance(future, asyncio.Task):
        tracked.future = future
    else:
        _remember(tracked, future)
    _follow(future, watcher, timeout_seconds)


def adopt(future: "asyncio.Future[Any]", tracked: Tracked, timeout_seconds: float | None) -> None:
    """Take on a future that was watched but not handed over: kept alive, and ended in time."""
    tracked.future = future
    if timeout_seconds is not None:
        _follow(future, _Watcher(tracked), timeout_seconds)


def _follow(
    future: "asyncio.Future[Any]", watcher: _Watcher, timeout_seconds: float | None
) -> None:
    loop = future.get_loop()
    if asyncio._get_running_loop() is loop or not loop.is_running():  # noqa: SLF001 - exported by asyncio
        _add(future, watcher, timeout_seconds)
    else:
        loop.call_soon_threadsafe(_add, future, watcher, timeout_seconds)


def _add(future: "asyncio.Future[Any]", watcher: _Watcher, timeout_seconds: float | None) -> None:
    future.add_done_callback(watcher)
    if timeout_seconds is not None:
        watcher.timer = future.get_loop().call_later(timeout_seconds, watcher.expire, future)


def _remember(tracked: Tracked, future: "asyncio.Future[Any]") -> None:
    try:
        tracked.suspended = weakref.ref(future)
    except TypeError:  # a future of another make that takes none
        tracked.suspended = None


def _error_of(future: "asyncio.Future[Any]") -> BaseException | None:
    """What a done future ended with, left as it was.

    Asking for the exception would count as retrieving it, and asyncio would no longer complain
    that nobody did; asking for the cancellation would take its traceback from whoever awaits it.
    So the one is read behind asyncio's back, and the other is found as the collector finds it.
    """
    if future.cancelled():
        for held in gc.get_referents(future):
            if isinstance(held, asyncio.CancelledError):
                return held
        return asyncio.CancelledError()
    try:
        error: BaseException | None = future._exception  # noqa: SLF001 - see above
    except AttributeError:  # a future of another make
        error = future.exception()
    return error

"""What a platform gets in an awaitable's place, where the platform runs it: a coroutine that tells.

A plain wrapper coroutine is blind until its first step: none of its code runs when a platform
closes it, cancels it or forgets it before that, which is how work is lost without a word.
"""

import sys
import weakref
from collections.abc import Awaitable, Coroutine
from types import CoroutineType, FrameType, TracebackType
from typing import Any, Final, TypeVar

from afterword import endings, internal_errors
from afterword.endings import Ending
from afterword.tracked import Tracked
from afterword.wrapping import wrap

T = TypeVar("T")


class HandedOver(Coroutine[Any, Any, T]):
    """Runs one awaitable. Before its first step it tells how it ended without one.

    Closed: ``no_context``, the platform would not have it. Cancelled, or another exception thrown
    in: as that says. Garbage-collected: ``abandoned``, or what a platform says in ``if_dropped``.
    """

    def __init__(
        self, awaitable: Awaitable[T], tracked: Tracked, timeout_seconds: float | None
    ) -> None:
        self.__name__ = getattr(awaitable, "__name__", type(awaitable).__name__)
        self.__qualname__ = getattr(awaitable, "__qualname__", type(awaitable).__qualname__)
        self.tracked: Final = tracked
        self._awaitable: Awaitable[T] | None = awaitable
        self._timeout_seconds: Final = timeout_seconds
        self._wrapper: Coroutine[Any, Any, T] | None = None
        self.if_dropped = endings.ABANDONED
        """How it ended if nobody holds it any more before its first step."""
        tracked.suspended = weakref.ref(self)

    def send(self, value: Any) -> Any:
        """One step; the first one begins the work."""
        return self._begun().send(value)

    def throw(
        self,
        typ: Any,
        val: Any = None,
        tb: TracebackType | None = None,
    ) -> Any:
        """As a coroutine's; before the first step the awaitable never learns of it."""
        if self._wrapper is None and self._awaitable is not None:
            error = typ if isinstance(typ, BaseException) else typ() if val is None else val
            stopping = self.tracked.stream.stopping or endings.is_stopping(error, sys._getframe())  # noqa: SLF001 - who cancels
            self._never_began(endings.ending_of(error, timeout_expired=False, stopping=stopping))
            raise error if tb is None else error.with_traceback(tb)
        if tb is None and val is None:
            return self._begun().throw(typ)
        return self._begun().throw(typ, val, tb)

    def close(self) -> None:
        """As a coroutine's."""
        if self._wrapper is not None:
            self._wrapper.close()
        else:
            self._never_began(endings.NO_CONTEXT)

    def __await__(self) -> "HandedOver[T]":
        return self

    def __iter__(self) -> "HandedOver[T]":
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def __del__(self) -> None:
        if self._wrapper is None and not sys.is_finalizing():
            self._never_began(self.if_dropped)

    @property
    def cr_await(self) -> Any:
        """What it is suspended on."""
        return self._wrapper if self._wrapper is not None else None

    @property
    def cr_frame(self) -> FrameType | None:
        """The wrapper's frame; ``None`` before the first step and after the last."""
        return getattr(self._wrapper, "cr_frame", None)

    @property
    def cr_running(self) -> bool:
        """Whether it is being run at this moment."""
        return bool(getattr(self._wrapper, "cr_running", False))

    def _begun(self) -> Coroutine[Any, Any, T]:
        if self._wrapper is None:
            if self._awaitable is None:
                raise RuntimeError("cannot reuse already awaited coroutine")
            self._wrapper = wrap(self._awaitable, self.tracked, self._timeout_seconds)
            self._awaitable = None
        return self._wrapper

    def _never_began(self, ending: Ending) -> None:
        awaitable, self._awaitable = self._awaitable, None
        if awaitable is None:
            return
        try:
            if isinstance(awaitable, CoroutineType):
                awaitable.close()  # it will never be awaited, and was told of here
            self.tracked.settle(ending)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("noticing that a task never began")

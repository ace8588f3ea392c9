"""The wrapper that runs one awaitable: started, ended, and everything else untouched."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import CodeType, CoroutineType, coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from afterword import endings, internal_errors, names, spans, surroundings
from afterword.tracked import Tracked

if TYPE_CHECKING:
    from afterword.durable import Confirmation

T = TypeVar("T")

Interpose = Callable[[Awaitable[Any], Tracked], Awaitable[Any]]

interposed: Interpose | None = None
"""Stands between a wrapper and what it runs, for tests: it sees every step of it."""


def wrap(
    awaitable: Awaitable[T], tracked: Tracked, timeout_seconds: float | None
) -> Coroutine[Any, Any, T]:
    """A coroutine that runs the awaitable for a tracked task; named as what it runs.

    It stands before its first step already: a coroutine that has not begun is blind, none of its
    code runs when it is cancelled, closed or dropped. So it can be driven, by a ``Task`` or by
    ``send``, but not awaited: ``await`` takes only what stands at its beginning.
    """
    if timeout_seconds is None:
        wrapper = _drive(awaitable, tracked)
    else:
        wrapper = _drive_within(awaitable, tracked, timeout_seconds)
    if type(awaitable) is CoroutineType:
        wrapper.__name__ = awaitable.__name__  # type: ignore[attr-defined] # a coroutine has it
        wrapper.__qualname__ = awaitable.__qualname__  # type: ignore[attr-defined] # and this
    wrapper.send(None)
    return wrapper


def tracked_by(subject: object) -> Tracked | None:
    """The task that a wrapper made by ``wrap`` tracks; ``None`` for any other coroutine."""
    if type(subject) is not CoroutineType:
        return None
    code = subject.cr_code
    if code is not _PLAIN and code is not _WITHIN:  # by identity: to hash code is slow
        return None
    frame = subject.cr_frame
    return frame.f_locals["tracked"] if frame is not None else None


@coroutine
def _first_step() -> Generator[None, None, None]:
    """Where a wrapper stands until it is driven."""
    yield


async def _drive(awaitable: Awaitable[T], tracked: Tracked) -> T:
    token: object = None
    try:
        await _first_step()
        if tracked.held is not None:
            await _hold(tracked, tracked.held)
        token = _start(tracked)
        result = await (awaitable if interposed is None else interposed(awaitable, tracked))
    except BaseException as error:
        _end(tracked, error, token, awaitable)
        raise
    _complete(tracked, token)
    return result


async def _drive_within(awaitable: Awaitable[T], tracked: Tracked, timeout_seconds: float) -> T:
    token: object = None
    limit: asyncio.Timeout | None = None
    try:
        await _first_step()
        if tracked.held is not None:
            await _hold(tracked, tracked.held)
        token = _start(tracked)
        limit = asyncio.timeout(timeout_seconds)
        async with limit:
            result = await (awaitable if interposed is None else interposed(awaitable, tracked))
    except BaseException as error:
        tracked.timeout_expired = limit is not None and limit.expired()
        _end(tracked, error, token, awaitable)
        raise
    _complete(tracked, token)
    return result


_PLAIN: Final[CodeType] = _drive.__code__
_WITHIN: Final[CodeType] = _drive_within.__code__


async def _hold(tracked: Tracked, held: "Confirmation") -> None:
    """Durable work does not begin before its opening is safe."""
    try:
        if not await held.wait() and tracked.span is not None:
            tracked.span.set_attribute(names.DURABLE, False)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("waiting until a task's opening is safe")


def _start(tracked: Tracked) -> object:
    try:
        tracked.start()
        if tracked.detail.dead_letter:
            # Its nested tasks are part of a replay, but no attempts at the dead letter.
            around = surroundings.current.get()
            surroundings.current.set(around._replace(dead_letter=""))
        if tracked.span is not None:
            return spans.attach(tracked.span)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("telling that a task started")
    return None


def _complete(tracked: Tracked, token: object) -> None:
    try:
        if token is not None and tracked.future is None:  # else its context ends with its Task
            spans.detach(token)
        tracked.settle(endings.COMPLETED)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("telling that a task completed")


def _end(tracked: Tracked, error: BaseException, token: object, awaitable: object) -> None:
    try:
        # A coroutine that is closed from outside may be in another context: nothing to restore.
        if token is not None and not isinstance(error, GeneratorExit):
            spans.detach(token)
        if not tracked.has_started and isinstance(awaitable, CoroutineType):
            awaitable.close()  # as asyncio's own task would: it is not "never awaited"
        tracked.end(error)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("telling that a task ended")

"""What ``wait_until`` does while it is watched: enter the task, then hand over as ever.

Whether there is an invocation shows in what the SDK does with a coroutine of ours, the batch's:
it is registered, or closed in silence, or refused with an exception.
"""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from inspect import CORO_CLOSED, getcoroutinestate, isawaitable
from typing import Any, Final, NamedTuple

from afterword import endings, internal_errors, surroundings
from afterword.endings import Ending
from afterword.handed_over import HandedOver
from afterword.opening import Request
from afterword.platforms.vercel import invocations
from afterword.platforms.vercel.drain import Batch
from afterword.platforms.vercel.invocations import Invocation
from afterword.platforms.vercel.sdk import Sdk
from afterword.tracked import Tracked
from afterword.tracking import coroutine_for, drop, open_entry_of, watch_future

PLATFORM: Final = "vercel"


class _Admitted(NamedTuple):
    """The invocation takes work; the batch looks after what is handed over next."""

    invocation: Invocation
    batch: Batch


_sdk: Sdk | None = None


def use(sdk: Sdk) -> None:
    """Hand over to this SDK."""
    global _sdk  # noqa: PLW0603 - a process has one SDK
    _sdk = sdk


def hand_over(awaitable: Any) -> None:
    """``vercel.functions.wait_until``, watched. Raises what it raises, and nothing else."""
    sdk = _sdk or Sdk.found()
    if isawaitable(awaitable):
        admission = _admission(sdk)
        request = Request(platform=PLATFORM, deadline=sdk.deadline())
        if isinstance(admission, _Admitted):
            _hand_over(sdk, awaitable, request, None, admission)
            return
        if admission is not None:
            _drop(awaitable, request, admission)
    sdk.wait_until(awaitable)  # closes it in silence, or says in its own words what is wrong


def take(awaitable: Awaitable[Any], request: Request, timeout_seconds: float | None) -> bool:
    """``afterword.wait_until``'s work (a ``hosting.Host``): Vercel's, if an invocation takes it."""
    sdk = _sdk
    admission = _admission(sdk) if sdk is not None else None
    if sdk is None or not isinstance(admission, _Admitted):
        return False
    deadline = request.deadline if request.deadline is not None else admission.invocation.deadline
    request = request._replace(platform=PLATFORM, deadline=deadline)
    _hand_over(sdk, awaitable, request, timeout_seconds, admission)
    return True


def attend(request: Request, opened: Callable[[Request], Tracked]) -> Tracked:
    """A task that a framework runs inside of an invocation (for a ``hosting.Host``).

    Vercel's deadline is its deadline, and the invocation's drain waits for its evidence to leave.
    """
    sdk = _sdk
    admission = _admission(sdk) if sdk is not None else None
    if not isinstance(admission, _Admitted):
        return opened(request)
    with _within(admission.invocation):
        tracked = opened(request._replace(deadline=admission.invocation.deadline))
    with invocations.lock:
        admission.batch.add(tracked)
    return tracked


def _admission(sdk: Sdk) -> _Admitted | Ending | None:
    """Where work goes that is handed over here, or how it ends; ``None`` if that is not known.

    It is taken where the batch that looks after it is: one that waits to begin, or else a new one.
    """
    try:
        invocation = invocations.here(sdk)
        with invocations.lock:
            batch = invocation.batch
            if batch is None or batch.begun:
                batch = Batch(invocation, sdk)
                coroutine = batch.run()
                try:
                    sdk.wait_until(coroutine)
                except Exception:  # noqa: BLE001 - the caller's own awaitable will meet it too
                    coroutine.close()
                    return endings.REFUSED
                if getcoroutinestate(coroutine) == CORO_CLOSED:
                    return endings.NO_CONTEXT
                invocation.batch = batch
                invocations.keep(invocation)
            return _Admitted(invocation, batch)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("looking for the invocation")
        return None


def _hand_over(
    sdk: Sdk,
    awaitable: Any,
    request: Request,
    timeout_seconds: float | None,
    admitted: _Admitted,
) -> None:
    with _within(admitted.invocation):
        offered = _entered(awaitable, request, timeout_seconds, admitted.batch)
        if not isinstance(offered, HandedOver):
            sdk.wait_until(offered)
            return
        # A thread may have the invocation's headers without the rest of its context: the SDK then
        # keeps nothing, in silence, and nobody holds the task once we let go of it.
        offered.if_dropped = endings.NO_CONTEXT
        sdk.wait_until(offered)
        held = weakref.ref(offered)
        del offered
        kept = held()
        if kept is not None:
            kept.if_dropped = endings.ABANDONED


@contextmanager
def _within(invocation: Invocation) -> Iterator[None]:
    """The task, and what it hands over in turn, knows its invocation."""
    around = surroundings.current.get()
    token = surroundings.current.set(around._replace(invocation=invocation.id))
    try:
        yield
    finally:
        surroundings.current.reset(token)


def _entered(awaitable: Any, request: Request, timeout_seconds: float | None, batch: Batch) -> Any:
    """What to hand over in the awaitable's place, its entry opened; itself if that fails."""
    try:
        known = open_entry_of(awaitable)
        if asyncio.isfuture(awaitable):
            watch_future(awaitable, request, timeout_seconds)
            offered: Any = awaitable
        elif known is not None and known.future is not None:
            offered = known.future  # a task of ours runs it already
        else:
            offered = coroutine_for(awaitable, request, timeout_seconds)
        tracked = known or open_entry_of(offered)
        if tracked is not None:  # a Future may be done already
            with invocations.lock:
                batch.add(tracked)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("opening a task's entry")
        return awaitable
    return offered


def _drop(awaitable: Any, request: Request, ending: Ending) -> None:
    """Nobody will run it. A Task or Future runs by itself, and its own end decides."""
    if asyncio.isfuture(awaitable):
        watch_future(awaitable, request)
    elif open_entry_of(awaitable) is None:
        drop(awaitable, request, ending)

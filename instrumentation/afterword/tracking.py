"""``wait_until``: hands an awaitable over to run after the response, and keeps the book on it."""

import asyncio
import math
from collections.abc import Awaitable, Coroutine
from inspect import isawaitable
from types import CoroutineType
from typing import Any, Final, TypeVar

from afterword import endings, hosting, internal_errors, stream
from afterword.handed_over import HandedOver
from afterword.internal_errors import logger
from afterword.kinds import Naming, naming_of, naming_of_coroutine
from afterword.opening import UNSAID, Request, open_task, request_of
from afterword.tracked import Tracked
from afterword.watching import adopt, watch
from afterword.wrapping import tracked_by, wrap

T = TypeVar("T")

_unbooked: Final[set["asyncio.Future[Any]"]] = set()
"""Tasks that run although their entry could not be opened, kept alive all the same."""


def wait_until(
    awaitable: Awaitable[T],
    *,
    name: str | None = None,
    timeout: float | None = None,
    deadline: float | None = None,
    payload: object = UNSAID,
    durable: bool | None = None,
) -> "asyncio.Future[T] | None":
    """Hand over an awaitable to run after the response, and watch it to its end.

    Its result, exception and cancellation are its own: nothing is changed or swallowed. Handing
    over the same live awaitable again changes nothing and returns the same future.

    Args:
        awaitable: A coroutine that has not begun, or an object with ``__await__``, which is run as
            a task on the current loop and kept alive; or a ``Task`` or ``Future``, which is only
            watched. A coroutine that somebody has stepped by ``send`` fails, as wherever it is
            awaited; make a ``Task`` of it first, which goes on with it.
        name: What its kind of task is called (one of few); its qualified name by default.
        timeout: Seconds after which the work is cancelled (``timed_out`` / ``timeout``).
        deadline: Unix seconds at which the platform will stop it. Cancels nothing.
        payload: What is kept with its dead letter: ``True`` for its arguments, ``False`` for
            nothing, any other value for itself. By default as its function or the settings say.
        durable: Whether its work waits, for a bounded time, until the sidecar knows of it, so that
            no kill can make it unknown. By default as its function or the settings say. Without
            effect on a ``Task`` or ``Future``, which runs already.

    Returns:
        The future that runs it; it may be awaited and need not be. ``None`` where the platform runs
        it after the response (Vercel), and where there is no running loop: a coroutine is then
        closed, reported as ``dropped`` / ``no_context``, and a warning is logged, as it would never
        run.

    Raises:
        TypeError: ``awaitable`` is none, or ``timeout`` is no number.
    """
    if timeout is not None:
        _check_timeout(timeout)
    request = request_of(name, deadline, payload, durable)
    host = hosting.current()
    if type(awaitable) is CoroutineType:
        naming = naming_of_coroutine(awaitable)
    elif asyncio.isfuture(awaitable):
        if host is None or not host.take(awaitable, request, timeout):
            watch_future(awaitable, request, timeout)
        return awaitable
    elif isawaitable(awaitable):
        naming = naming_of(awaitable)
    else:
        raise TypeError(
            f"wait_until({awaitable!r}): not awaitable; pass a coroutine, a Task, a Future or an "
            "object with __await__ (for a concurrent.futures.Future: asyncio.wrap_future)"
        )
    if host is not None and host.take(awaitable, request, timeout):
        return None
    loop = asyncio._get_running_loop()  # noqa: SLF001 - exported by asyncio, and it does not raise
    if loop is None:
        drop(awaitable, request)
        return None
    return _run(awaitable, naming, request, timeout, loop)


def _run(
    awaitable: Awaitable[T],
    naming: Naming,
    request: Request,
    timeout_seconds: float | None,
    loop: asyncio.AbstractEventLoop,
) -> "asyncio.Future[T]":
    try:
        known = open_entry_of(awaitable)
        if known is not None:
            if known.future is not None:
                return known.future
            # A platform's coroutine of ours, which nobody has run yet, or is running elsewhere.
            return _keep(known, loop.create_task(coroutine_of(awaitable, known)))
        tracked = open_task(awaitable, naming, request)
        coroutine = wrap(awaitable, tracked, _timeout_of(naming, timeout_seconds))
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("opening a task's entry")
        return _run_unbooked(awaitable)
    return _keep(tracked, loop.create_task(coroutine))


def _keep(tracked: Tracked, task: "asyncio.Task[T]") -> "asyncio.Task[T]":
    """Keep the task alive until its end is told."""
    if not tracked.settled:  # an eager task may be over already
        tracked.future = task
    return task


def _run_unbooked(awaitable: Awaitable[T]) -> "asyncio.Future[T]":
    future = asyncio.ensure_future(awaitable)
    _unbooked.add(future)
    future.add_done_callback(_unbooked.discard)
    return future


def coroutine_for(
    awaitable: Awaitable[T], request: Request, timeout_seconds: float | None = None
) -> Coroutine[Any, Any, T]:
    """For platforms that run what they are handed: the coroutine to hand over instead.

    The same live awaitable gets the same coroutine, as some platforms deduplicate by identity. What
    the platform does with it is observed: never awaited, closed, cancelled, or run. May raise.
    """
    known = open_entry_of(awaitable)
    if known is not None:
        return coroutine_of(awaitable, known)
    naming = naming_of(awaitable)
    tracked = open_task(awaitable, naming, request)
    return HandedOver(awaitable, tracked, _timeout_of(naming, timeout_seconds))


def coroutine_of(awaitable: Awaitable[T], tracked: Tracked) -> Coroutine[Any, Any, T]:
    """The coroutine that runs an awaitable handed over before.

    Raises ``LookupError`` if there is none any more, or if it is a task of ours that does.
    """
    if isinstance(awaitable, HandedOver):
        return awaitable
    handed_over = tracked.suspended() if tracked.suspended is not None else None
    if isinstance(handed_over, HandedOver):
        return handed_over
    raise LookupError(f"{tracked.known.kind.name}: no platform runs this task")


def drop(
    awaitable: Awaitable[object],
    request: Request,
    ending: endings.Ending = endings.NO_CONTEXT,
) -> None:
    """Book an awaitable that will never be driven, close it, and warn. Never raises."""
    try:
        naming = naming_of(awaitable)
        open_task(awaitable, naming, request).settle(ending)
        if isinstance(awaitable, CoroutineType):
            awaitable.close()
        name = request.name or naming.name
        logger.warn_once(
            f"dropped {name} {ending.reason}",
            "afterword: %s was handed over where nothing will run it (%s) and is dropped; "
            "hand it over inside a request, or where an event loop is running. (Told once.)",
            name,
            ending.reason,
        )
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("booking a task that cannot run")


def watch_future(
    future: "asyncio.Future[Any]", request: Request, timeout_seconds: float | None = None
) -> None:
    """Book a Task or Future that runs by itself, once, and follow it to its end. Never raises."""
    try:
        known = open_entry_of(future) or _entry_behind(future)
        if known is None:
            watch(future, _open_watched(future, request), timeout_seconds)
        elif known.future is None and isinstance(future, asyncio.Task):
            adopt(future, known, timeout_seconds)  # so far its platform was only looked on
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("watching a task")


def _open_watched(future: "asyncio.Future[Any]", request: Request) -> Tracked:
    """The entry of what runs already: nothing can hold it until its opening is safe."""
    return open_task(future, naming_of(future), request._replace(durable=False))


def _entry_behind(future: "asyncio.Future[Any]") -> Tracked | None:
    """The entry that a task of ours, handed over again, already has."""
    return open_entry_of(future.get_coro()) if isinstance(future, asyncio.Task) else None


def open_entry_of(awaitable: object) -> Tracked | None:
    """The open entry of an awaitable that was handed over before, or of our own wrapper of it."""
    in_use = stream.latest()
    known = in_use.by_identity.get(id(awaitable)) if in_use is not None else None
    if known is not None and not known.stream.mark[0]:
        return None  # the parent's, before this process was forked
    if known is None and type(awaitable) is HandedOver:  # isinstance of an ABC takes 0.3 µs
        return awaitable.tracked
    return known or tracked_by(awaitable)


def _timeout_of(naming: Naming, said_seconds: float | None) -> float | None:
    """The caller's time-out, else the function's own."""
    if said_seconds is None and naming.registration is not None:
        return naming.registration.timeout_seconds
    return said_seconds


def _check_timeout(timeout_seconds: object) -> None:
    try:
        if isinstance(timeout_seconds, int | float) and not math.isnan(timeout_seconds):
            return
    except OverflowError:
        pass  # a whole number beyond every float
    raise TypeError(
        f"wait_until(timeout={timeout_seconds!r}): must be a number of seconds, or None for none"
    )

"""A task is created as ever; if it was asked for, it is watched. Nothing of it is wrapped."""

import asyncio
from collections.abc import Callable
from types import CoroutineType
from typing import Any, Final

from afterword import endings, internal_errors, settings
from afterword.capture import arguments_of
from afterword.kinds import naming_of_coroutine
from afterword.opening import Request, open_task
from afterword.platforms.asyncio.patterns import Patterns
from afterword.tracked import Tracked
from afterword.tracking import drop, open_entry_of
from afterword.watching import watch

_NOTHING_SAID: Final = Request(durable=False)  # a watched task is not held up
_patterns = Patterns(())


def create(own: Callable[..., Any], coroutine: object, args: Any, kwargs: Any) -> Any:
    """What ``own(*args, **kwargs)`` returns or raises, the task watched if it was asked for.

    It is opened once it exists, as whoever is refused may run the coroutine elsewhere. A task
    factory, however, may run its first steps at once (an eager one does), so then it is before.
    """
    loop = asyncio._get_running_loop()  # noqa: SLF001 - exported by asyncio, and it does not raise
    if loop is None or type(coroutine) is not CoroutineType or not _is_wanted(coroutine):
        return own(*args, **kwargs)
    tracked = _open(coroutine) if loop.get_task_factory() is not None else None
    try:
        task = own(*args, **kwargs)
    except BaseException:
        _refused(coroutine, tracked)
        raise
    if tracked is None:
        tracked = _open(coroutine)
    if tracked is not None:
        _watch(task, tracked)
    return task


def _is_wanted(coroutine: "CoroutineType[Any, Any, Any]") -> bool:
    global _patterns  # noqa: PLW0603 - compiled anew when other settings are in force
    try:
        wanted = settings.current().asyncio_tasks
        if wanted is not _patterns.patterns:
            _patterns = Patterns(wanted)
        named = _patterns.match(naming_of_coroutine(_traced(coroutine)))
        return named and open_entry_of(coroutine) is None
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("matching a task's name")
        return False


def _open(coroutine: "CoroutineType[Any, Any, Any]") -> Tracked | None:
    try:
        traced = _traced(coroutine)
        request = _NOTHING_SAID
        if traced is not coroutine:
            request = _NOTHING_SAID._replace(arguments=lambda: arguments_of(traced))
        return open_task(coroutine, naming_of_coroutine(traced), request)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("opening a task's entry")
        return None


def _traced(coroutine: "CoroutineType[Any, Any, Any]") -> "CoroutineType[Any, Any, Any]":
    """What OpenTelemetry's asyncio instrumentation runs, if this is its wrapper."""
    frame = coroutine.cr_frame
    if coroutine.__name__ == "trace_coroutine" and frame is not None:
        inner = frame.f_locals.get("coro")
        if isinstance(inner, CoroutineType):
            return inner
    return coroutine


def _refused(coroutine: "CoroutineType[Any, Any, Any]", tracked: Tracked | None) -> None:
    if tracked is not None:
        tracked.settle(endings.REFUSED)
    elif coroutine.cr_frame is None:  # a group that is shutting down has closed it
        drop(coroutine, _NOTHING_SAID, endings.REFUSED)


def _watch(task: Any, tracked: Tracked) -> None:
    try:
        watch(task, tracked, None, keep_alive=False)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("watching a task")

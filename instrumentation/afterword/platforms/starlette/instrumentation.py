"""The three methods that are replaced, and what ours do.

A task is handed over when it is added, or built for a response, while a request is served; one that
is built elsewhere (a module's own, shared by many responses) when it is called. It begins and ends
where Starlette calls it. OpenTelemetry's instrumentation may wrap the same call, before or after
us: each passes through the other, and every task passes through us once.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.background import BackgroundTask

from afterword import internal_errors
from afterword.handed_over import HandedOver
from afterword.hosting import attended
from afterword.kinds import naming_of_function
from afterword.opening import Request, open_task
from afterword.platforms.patch import Patch
from afterword.platforms.starlette.arguments import arguments_of
from afterword.platforms.starlette.request import Receive, RequestWork, Scope, Send, current
from afterword.tracked import Tracked

PLATFORM: Final = "starlette"
_KEY: Final = "afterword.request"
"""In the scope: an application that is mounted in another serves the same request."""

_is_active = False
_served: Final[set[RequestWork]] = set()
"""Requests under way: their tasks are watched to their end, whatever is undone meanwhile."""


def instrument() -> None:
    """Watch the background tasks of every application of this process."""
    global _is_active  # noqa: PLW0603 - a process has one Starlette
    _is_active = True
    for patch in _PATCHES:
        patch.install()


def uninstrument() -> None:
    """Undo it: at once if no request is being served, else after the last of them."""
    global _is_active  # noqa: PLW0603 - a process has one Starlette
    _is_active = False
    _restore_if_idle()


def _restore_if_idle() -> None:
    if not _is_active and not _served:
        for patch in _PATCHES:
            patch.remove()


def _serving(call: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
    """``Starlette.__call__``: a request, from the outermost application's point of view."""

    async def serve(self: Starlette, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_active or scope["type"] != "http" or _KEY in scope:
            await call(self, scope, receive, send)
            return
        work = scope[_KEY] = RequestWork(scope)
        _served.add(work)
        tokens = work.enter()
        try:
            await call(self, scope, work.heard(receive), work.seen(send))
        except BaseException as error:
            work.over(error)
            raise
        else:
            work.over(None)
        finally:
            work.leave(tokens)
            _served.discard(work)
            _restore_if_idle()

    return serve


def _building(init: Callable[..., None]) -> Callable[..., None]:
    """``BackgroundTask.__init__``, which ``add_task`` calls too."""

    def build(self: BackgroundTask, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        work = current.get()
        if not _is_active or work is None or work.is_over:
            return
        if type(self).__call__ is not BackgroundTask.__call__:
            return  # a class with its own way to run is known once it calls ours, if it does
        try:
            work.add(self, _open(self))
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("opening a background task's entry")

    return build


def _running(call: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
    """``BackgroundTask.__call__``."""

    async def run(self: BackgroundTask) -> None:
        tracked: Tracked | None = None
        try:
            tracked = _entry_of(self)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("opening a background task's entry")
        if tracked is None:
            await call(self)
        else:
            await HandedOver(call(self), tracked, _timeout_of(self))

    return run


def _entry_of(task: BackgroundTask) -> Tracked | None:
    work = current.get()
    tracked = work.begin(task) if work is not None else None
    if tracked is None and _is_active:
        tracked = _open(task)
    return tracked


def _open(task: BackgroundTask) -> Tracked:
    request = Request(platform=PLATFORM, arguments=partial(arguments_of, task))
    return attended(request, partial(open_task, task, naming_of_function(task.func)))


def _timeout_of(task: BackgroundTask) -> float | None:
    """What ``@afterword.deferred`` says, in seconds; a thread cannot be cancelled."""
    registration = naming_of_function(task.func).registration
    return registration.timeout_seconds if registration is not None and task.is_async else None


_PATCHES: Final = (
    Patch(Starlette, "__call__", _serving),
    Patch(BackgroundTask, "__init__", _building),
    Patch(BackgroundTask, "__call__", _running),
)

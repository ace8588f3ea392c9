"""One request's background tasks, from the hand-over to what the framework did with them.

Starlette tells nobody that it passed over a task: after the first that raises the others are
forgotten, and so is whatever was added for a response that is not sent. So those that never began
are judged when the request is over.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from contextvars import ContextVar, Token
from typing import Any, Final

from afterword import endings, internal_errors, surroundings
from afterword.surroundings import Surroundings
from afterword.tracked import Tracked

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Tokens = tuple[Token["RequestWork | None"], Token[Surroundings]]


class RequestWork:
    """What one request handed over and has not begun, and whether its client is still there."""

    __slots__ = (
        "_answered",
        "_has_begun",
        "_left_early",
        "_own_root",
        "_route",
        "_scope",
        "_tracked",
        "_waiting",
    )

    def __init__(self, scope: Scope) -> None:
        self._scope: Scope | None = scope
        self._own_root: Final[str] = scope.get("root_path", "")
        """What the server is mounted at: no part of the application's routes."""
        self._route = ""
        self._answered = False
        """The last of the response was sent; servers call that a disconnection too."""
        self._left_early = False
        """The client left before it had its response."""
        self._has_begun = False
        """The framework came to the background tasks."""
        self._waiting: Final[dict[int, tuple[object, Tracked]]] = {}
        """By ``id()`` of the task, which is kept: its id must not be given to another."""
        self._tracked: Final[list[Tracked]] = []

    @property
    def is_over(self) -> bool:
        """Whether the request was judged: what is built from now on belongs to none."""
        return self._scope is None

    def enter(self) -> Tokens:
        """What is handed over from now on, in this context, belongs to this request."""
        around = surroundings.current.get()
        return (
            current.set(self),
            surroundings.current.set(around._replace(route_now=self.route)),
        )

    def leave(self, tokens: Tokens) -> None:
        """Undo ``enter``."""
        with suppress(ValueError):  # a coroutine that is closed may be so from another context
            surroundings.current.reset(tokens[1])
            current.reset(tokens[0])

    def route(self) -> str:
        """``http.route``; empty until the request was matched to one."""
        if not self._route and self._scope is not None:
            self._route = _route_of(self._scope, self._own_root)
        return self._route

    def add(self, task: object, tracked: Tracked) -> None:
        """A task was handed over."""
        self._tracked.append(tracked)
        self._waiting[id(task)] = (task, tracked)

    def begin(self, task: object) -> Tracked | None:
        """The entry of a task that is about to run; ``None`` if it has none that is open."""
        self._has_begun = True
        waiting = self._waiting.pop(id(task), None)
        return waiting[1] if waiting is not None else None

    def heard(self, receive: Receive) -> Receive:
        """``receive``, listened to for the client's leaving."""

        async def receive_heard() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                self._client_left(early=not self._answered)
            return message

        return receive_heard

    def seen(self, send: Send) -> Send:
        """``send``, watched: servers since ASGI 2.4 raise ``OSError`` once the client has left."""

        async def send_seen(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._answered = True
            try:
                await send(message)
            except OSError:
                self._client_left(early=True)
                raise

        return send_seen

    def over(self, error: BaseException | None) -> None:
        """The request has ended, with ``error`` if it raised: judge what never began."""
        try:
            self.route()
            self._scope = None
            while self._waiting:
                _, tracked = self._waiting.pop(next(iter(self._waiting)))
                tracked.settle(self._ending_of(tracked, error))
            self._tracked.clear()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("judging background tasks that never began")

    def _ending_of(self, tracked: Tracked, error: BaseException | None) -> endings.Ending:
        if isinstance(error, endings.CUT_OFF):
            stopping = tracked.stream.stopping or endings.is_stopping(error, sys._getframe())  # noqa: SLF001 - who cancels
            return endings.ending_of(
                error, timeout_expired=False, stopping=stopping, disconnected=tracked.disconnected
            )
        never_came_to_it = self._left_early and not self._has_begun
        return endings.DISCONNECTED if never_came_to_it else endings.SKIPPED

    def _client_left(self, *, early: bool) -> None:
        self._left_early = self._left_early or early
        for tracked in self._tracked:
            tracked.disconnected = True


current: Final[ContextVar[RequestWork | None]] = ContextVar("afterword.starlette", default=None)
"""Of the request being served."""


def _route_of(scope: Scope, own_root: str) -> str:
    """The route's template, below the templates' mounts as Starlette's own tracing has it."""
    # FastAPI since 0.137 keeps the route with the prefixes it was included under beside the scope's
    # own, which is as it was first declared.
    fastapi = scope.get("fastapi")
    included = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    route = scope.get("route") if included is None else included
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if not isinstance(path, str):
        return ""
    mounted_at: str = scope.get("root_path", "")
    return mounted_at.removeprefix(own_root).rstrip("/") + path

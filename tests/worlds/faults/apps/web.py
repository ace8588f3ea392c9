"""An ASGI application that hands over what it is asked to: served by uvicorn, gunicorn, hypercorn.

``POST /hand_over`` takes ``{"17": "create_task hang"}``: every way of handing over, and every kind
of task. Everything of one request that goes by ``background`` is one response's.
"""

import asyncio
import os
from typing import Any, Final

from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import afterword
from worlds.faults.apps.web_work import in_a_thread, named, say
from worlds.leaving import CancelOnDisconnect

afterword.instrument()

_running: Final[set["asyncio.Task[Any]"]] = set()


class HandlerError(Exception):
    """What the handler itself raises, where a row asks for it."""


def hand_over(number: int, order: str, background: BackgroundTasks) -> None:
    """Write it down, and hand it over."""
    by, _, kind = order.partition(" ")
    how = say(number, kind)
    if by == "background":
        background.add_task(named(number, kind), number)
    elif by == "background_thread":
        background.add_task(in_a_thread(number, kind), number)
    elif by == "create_task":
        task = asyncio.create_task(named(number, kind)(number))
        _running.add(task)
        task.add_done_callback(_running.discard)
    else:
        afterword.wait_until(named(number, kind)(number), **how)


async def take(request: Request) -> Response:
    """Hand over the tasks that are ordered, and answer; or raise afterwards."""
    background = BackgroundTasks()
    for number, order in (await request.json()).items():
        hand_over(int(number), order, background)
    await asyncio.sleep(0)  # those that are no background tasks begin
    if request.query_params.get("then") == "raise":
        raise HandlerError
    return PlainTextResponse(str(os.getpid()), background=background)


async def nothing(request: Request) -> Response:
    """Answer with the process id."""
    return PlainTextResponse(str(os.getpid()))


class PassThrough(BaseHTTPMiddleware):
    """As any middleware of an application: the request runs in a task group of Starlette's."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Change nothing."""
        return await call_next(request)


MIDDLEWARE: Final = {
    "": [],
    "base_http": [Middleware(PassThrough)],
    "cancel_on_disconnect": [Middleware(CancelOnDisconnect)],
}
app = Starlette(
    routes=[Route("/hand_over", take, methods=["POST"]), Route("/", nothing)],
    middleware=MIDDLEWARE[os.environ.get("FAULTS_MIDDLEWARE", "")],
)

"""A function on Vercel that hands over what it is asked to, be it ASGI, WSGI or a handler class.

A request orders ``{"17": "wait_until hang"}``: every way of handing over, and every kind of task.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from vercel.functions import wait_until

import afterword
from worlds.faults.apps.web_work import TRUTH, named, say
from worlds.faults.book import name_of

afterword.instrument()

logger: Final = logging.getLogger(__name__)
NESTED: Final = 1_000_000
"""Added to the number of a task that hands over another: the other's number."""

_running: Final[set["asyncio.Task[Any]"]] = set()
_late: Final = asyncio.Event()


def nesting(number: int) -> Callable[[int], Coroutine[Any, Any, None]]:
    """A function of the task's own name, which hands over another from within itself."""

    async def task(number: int) -> None:
        with TRUTH.of(number):
            hand_over(number + NESTED, "wait_until complete")

    task.__qualname__ = task.__name__ = name_of(number)
    return task


async def hand_over_late(number: int, kind: str) -> None:
    """Goes on when its invocation has ended, and hands over then."""
    await _late.wait()
    say(number, kind)
    try:
        wait_until(named(number, kind)(number))
    except RuntimeError as refusal:
        logger.info("refused %s: %s", number, refusal)


def hand_over(number: int, order: str) -> None:
    """Write it down, and hand it over."""
    by, _, kind = order.partition(" ")
    if by == "late":
        keep(hand_over_late(number, kind))
        return
    how = say(number, kind)
    if kind == "nest":
        wait_until(nesting(number)(number))
    elif by == "own":
        afterword.wait_until(named(number, kind)(number), **how)
    elif by == "create_task":
        keep(named(number, kind)(number))
    else:
        work = named(number, kind)(number)
        wait_until(work)
        if by == "twice":
            wait_until(work)


def keep(work: Any) -> None:
    """Run it as a task of the loop, which Vercel knows nothing of."""
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)


def hand_over_all(orders: Mapping[str, str]) -> None:
    """All of a request."""
    for number, order in orders.items():
        hand_over(int(number), order)


async def take(request: Request) -> Response:
    """ASGI: hand over what is ordered, and answer; or raise afterwards."""
    background = BackgroundTasks()
    orders = await request.json()
    for number, order in orders.items():
        by, _, kind = order.partition(" ")
        if by == "background":
            say(int(number), kind)
            background.add_task(named(int(number), kind), int(number))
        elif by == "executor":  # its thread has no context of the invocation
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, hand_over, int(number), order)
        else:
            hand_over(int(number), order)
    await asyncio.sleep(0)  # the tasks of the loop begin
    if request.query_params.get("then") == "raise":
        raise ValueError(orders)
    if request.query_params.get("then") == "late":
        _late.set()
    return PlainTextResponse("", background=background)


app = Starlette(routes=[Route("/", take, methods=["POST"])])


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI: the same."""
    hand_over_all(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]


class handler(BaseHTTPRequestHandler):  # noqa: N801 - the name that Vercel looks for
    """A handler class: the same."""

    def do_POST(self) -> None:
        """Any path."""
        hand_over_all(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

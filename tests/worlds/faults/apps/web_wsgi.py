"""A WSGI application that works on in threads after its response: served by gunicorn and uWSGI.

Its workers have no event loop, so each thread brings one. ``thread`` is one that Python waits for
at the process's end, ``daemon`` one that it does not wait for, and ``joined`` is waited for here.
``nowhere`` brings no loop.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Any

import afterword
from worlds.faults.apps.web_work import named, say

afterword.instrument()


def hand_over(number: int, order: str) -> None:
    """Write it down, and hand it over in a thread of its own; it is handed over on return."""
    by, _, kind = order.partition(" ")
    how = say(number, kind)
    if by == "nowhere":
        afterword.wait_until(named(number, kind)(number), **how)
        return
    handed_over = Event()

    async def main() -> None:
        task = afterword.wait_until(named(number, kind)(number), **how)
        handed_over.set()
        assert task is not None
        await asyncio.wait([task])
        task.exception()  # it is no news

    thread = Thread(target=asyncio.run, args=(main(),), daemon=by == "daemon")
    thread.start()
    handed_over.wait()
    if by == "joined":
        thread.join()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Hand over the tasks that are ordered, and answer; or never."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length:
        for number, order in json.loads(environ["wsgi.input"].read(length)).items():
            hand_over(int(number), order)
    if environ["QUERY_STRING"] == "then=block":
        Event().wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


if at_import := os.environ.get("FAULTS_AT_IMPORT"):
    for at_import_number, at_import_order in json.loads(at_import).items():
        hand_over(int(at_import_number), at_import_order)
print("the application is imported", file=sys.stderr, flush=True)  # noqa: T201 - what rows wait for

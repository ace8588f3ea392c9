"""An ASGI function that hands over where no invocation is, or where it is over."""

import asyncio
import logging
from typing import Any

import work
from vercel.functions import wait_until

logger = logging.getLogger(__name__)
release = asyncio.Event()
detached: set[asyncio.Task[None]] = set()


async def waits_for_release(order: int) -> None:
    """A task that its owner holds, and that goes on by itself."""
    await release.wait()


async def late() -> None:
    """Hands over when its invocation has ended."""
    task = asyncio.create_task(waits_for_release(17))
    await release.wait()
    for awaitable in (work.completes(17), task):
        try:
            wait_until(awaitable)
        except RuntimeError as error:
            logger.info("refused: %s", error)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """``/detach``, then ``/release`` in another invocation; ``/thread``."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    if scope["path"] == "/detach":
        detached.add(asyncio.create_task(late()))
    elif scope["path"] == "/release":
        release.set()
    elif scope["path"] == "/thread":
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, work.hand_over, "/completes,courier")
        task = asyncio.create_task(work.completes(17))
        await loop.run_in_executor(None, wait_until, task)
        await task
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

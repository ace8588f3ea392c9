"""The deferred work of the functions under test: a path names it, a request hands it over.

``wait_until`` is imported before ``instrument`` is called, and held in every way that an
application may hold it.
"""

import asyncio
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import unhurried
from vercel.functions import wait_until

import afterword

logger = logging.getLogger(__name__)
HandOver = Callable[[Awaitable[object]], None]


def closure(held: HandOver) -> HandOver:
    """A function that closes over it."""

    def hand_over(awaitable: Awaitable[object]) -> None:
        held(awaitable)

    return hand_over


def by_default(awaitable: Awaitable[object], held: Callable[..., None] = wait_until) -> None:
    """It is a default argument, and called by keyword."""
    held(awaitable=awaitable)


in_a_closure = closure(wait_until)
in_a_partial = functools.partial(wait_until)

afterword.instrument()


async def completes(order: int) -> None:
    """Takes a step."""
    await asyncio.sleep(0)


async def fails(order: int) -> None:
    """Raises."""
    raise LookupError(f"no such order: {order}")


async def hangs(order: int) -> None:
    """Never ends by itself."""
    await asyncio.Event().wait()


async def nests(order: int) -> None:
    """Hands over more."""
    wait_until(completes(order))


async def nests_from_a_thread(order: int) -> None:
    """Hands over more, where no event loop is."""
    await asyncio.to_thread(lambda: wait_until(completes(order)))


async def exits(order: int) -> None:
    """Ends the process, and with it everything in it."""
    raise SystemExit(order)


async def crashes(order: int) -> None:
    """Takes the process with it in its first step, as a crash in a C library does."""
    os._exit(order)


class Courier:
    """An awaitable that is neither a coroutine nor a Future."""

    def __await__(self) -> Generator[Any, None, None]:
        return completes(17).__await__()


def twice() -> None:
    """The same live coroutine, handed over two times."""
    coroutine = completes(17)
    wait_until(coroutine)
    wait_until(coroutine)


def own() -> None:
    """Our own ``wait_until``, on Vercel."""
    logger.info("own returned %s", afterword.wait_until(completes(17), name="own"))


HAND_OVERS: dict[str, Callable[[], None]] = {
    "completes": lambda: wait_until(completes(17)),
    "fails": lambda: wait_until(fails(17)),
    "hangs": lambda: wait_until(hangs(17)),
    "exits": lambda: wait_until(exits(3)),
    "crashes": lambda: wait_until(crashes(3)),
    "nests": lambda: wait_until(nests(17)),
    "threads": lambda: wait_until(nests_from_a_thread(17)),
    "closure": lambda: in_a_closure(completes(17)),
    "partial": lambda: in_a_partial(completes(17)),
    "default": lambda: by_default(completes(17)),
    "courier": lambda: wait_until(Courier()),
    "twice": twice,
    "own": own,
    "unhurried": unhurried.be,
}


def hand_over(path: str) -> None:
    """``/completes,fails``: one hand-over for each name."""
    for name in filter(None, path.strip("/").split(",")):
        HAND_OVERS[name]()

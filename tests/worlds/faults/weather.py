"""Kinds of weather: what a network does to requests and answers, each a few lines."""

import asyncio
from collections.abc import Callable
from typing import Final

from worlds.faults.proxy import Link, fair, taken

SLOW_SECONDS: Final = 0.15
LOST_LAST: Final = 4


async def black_hole(link: Link, request: bytes) -> None:
    """Nothing passes while it lasts; what was on its way arrives when it is over."""
    await link.proxy.wait_for_change()
    await link.proxy.weather(link, request)


async def slow(link: Link, request: bytes) -> None:
    """Each request, and each answer, takes its time."""
    await _wait(link.proxy.chance.uniform(0, SLOW_SECONDS))
    answer = await link.ask(request)
    await _wait(link.proxy.chance.uniform(0, SLOW_SECONDS))
    for at in range(0, len(answer), 40):
        await link.answer(answer[at : at + 40])
        await asyncio.sleep(0)


async def resetting(link: Link, request: bytes) -> None:
    """Two of three are reset: before they reach the sidecar, within, or with their answers."""
    match link.proxy.chance.randrange(6):
        case 0:
            link.reset()
        case 1:
            await link.proxy.tear(request)
            link.reset()
        case 2 | 3:
            await link.ask(request)
            link.reset()
        case _:
            await fair(link, request)


async def twice(link: Link, request: bytes) -> None:
    """The sidecar gets everything twice."""
    await link.ask(request)
    await fair(link, request)


async def overloaded(link: Link, request: bytes) -> None:
    """A gateway that is at its limit every other time, before or after the sidecar has it."""
    chance = link.proxy.chance
    if chance.random() < 1 / 2:
        if chance.random() < 1 / 2:
            await link.ask(request)
        status = chance.choice(("429 Too Many Requests", "502 Bad Gateway", "503 Unavailable"))
        head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n"
        await link.answer(head.encode())
    else:
        await fair(link, request)


class HalfOpen:
    """The first request is never answered, and its connection never closed."""

    def __init__(self) -> None:
        self._struck = False

    async def __call__(self, link: Link, request: bytes) -> None:
        """What becomes of one request."""
        if self._struck:
            await fair(link, request)
            return
        self._struck = True
        await asyncio.Event().wait()


class StoreAndForward:
    """A collector in between: it takes all, and gives it to the sidecar later, as it likes."""

    def __init__(self) -> None:
        self.kept: Final[list[bytes]] = []

    async def __call__(self, link: Link, request: bytes) -> None:
        """What becomes of one request."""
        self.kept.append(request)
        await link.answer(taken())


class Losing:
    """A collector in between that acknowledges everything, and loses what comes second to fourth.

    ``lost``: those requests.
    """

    def __init__(self) -> None:
        self.lost: Final[list[bytes]] = []
        self._seen = 0

    async def __call__(self, link: Link, request: bytes) -> None:
        """What becomes of one request."""
        self._seen += 1
        if 1 < self._seen <= LOST_LAST:
            self.lost.append(request)
            await link.answer(taken())
        else:
            await fair(link, request)


class AfterTheCommit:
    """Once: what ``strike`` does comes between the sidecar's commit and its answer."""

    def __init__(self, strike: Callable[[], object]) -> None:
        self._strike: Final = strike
        self.struck = False

    async def __call__(self, link: Link, request: bytes) -> None:
        """What becomes of one request."""
        if self.struck:
            await fair(link, request)
            return
        await link.ask(request)
        self._strike()
        self.struck = True
        link.reset()


async def _wait(seconds: float) -> None:
    """A delay that is the fault itself."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over

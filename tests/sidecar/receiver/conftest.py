"""The receiver on a real socket, over a real book."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from aiohttp import ClientSession, web

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Saved
from afterword_sidecar.service import Service
from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.web.limits import ReceiverLimits
from afterword_sidecar.web.receiver import make_receiver, make_runner


@dataclass
class Running:
    """A receiver that listens, and a client session whose base is its address."""

    service: Service
    port: int
    client: ClientSession

    async def scheduled(self) -> float:
        """How many tasks the book has as handed over."""
        totals = (await self.service.view()).totals
        values = [total.value for (metric, _), total in totals.items() if metric == "scheduled"]
        return sum(value for value in values if isinstance(value, float | int))


StartReceiver = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start_receiver() -> AsyncIterator[StartReceiver]:
    """Starts receivers; all are stopped after the test."""
    async with AsyncExitStack() as stack:

        async def start(limits: ReceiverLimits | None = None, token: str = "") -> Running:
            book = Book(Limits(), Saved(), time.time())
            service = Service(book, MemoryStore())
            await service.start()
            stack.push_async_callback(service.stop)
            runner = make_runner(make_receiver(service, limits=limits, token=token), limits=limits)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            client = await stack.enter_async_context(
                ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False)
            )
            return Running(service, port, client)

        yield start


@pytest.fixture
async def receiver(start_receiver: StartReceiver) -> Running:
    """A receiver with its defaults."""
    return await start_receiver()

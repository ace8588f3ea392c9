"""A sidecar's service, receiver and upstream in this process, and a real backend behind it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from msgspec.structs import replace

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch, Fact, Source
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.service import Service
from afterword_sidecar.stores.sqlite import SqliteStore
from afterword_sidecar.upstream import Destinations, Patience, Telling, Upstream
from afterword_sidecar.web.receiver import make_receiver, make_runner
from worlds.otlp_backend import Backend

SHOP = Source(b"S" * 16, "prod/shop", "shop-1")
SOON = Patience(first_pause_seconds=0.01, longest_pause_seconds=0.05, give_up_seconds=60)


@dataclass
class Sidecar:
    """What a test does to it, and what it counts."""

    service: Service
    upstream: Upstream
    client: ClientSession

    async def post(self, signal: str, body: bytes, **headers: str) -> int:
        """Send the receiver a request; its answer's status."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        named.setdefault("Content-Type", "application/x-protobuf")
        async with self.client.post(f"/v1/{signal}", data=body, headers=named) as answer:
            await answer.read()
            return answer.status

    async def tell(self, *facts: Fact, source: Source = SHOP, same_clock: bool = True) -> None:
        """Evidence comes."""
        batch = Batch(source, facts, self.service.now(), same_clock=same_clock)
        await self.service.submit([batch], 100)

    async def die(self, source: Source = SHOP) -> None:
        """The lock of the stream falls."""
        await self.service.stream_ended(source.stream, alive_at=self.service.now())


StartSidecar = Callable[..., Awaitable[Sidecar]]


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with Backend().serving() as serving:
        yield serving


@pytest.fixture
async def start_sidecar(tmp_path: Path) -> AsyncIterator[StartSidecar]:
    """Starts sidecars over ``book.db``, one after another; all are stopped after the test."""
    async with AsyncExitStack() as stack:

        async def start(
            to: Destinations,
            *,
            telling: Telling | None = None,
            queue_bytes: int = 1 << 20,
            patience: Patience = SOON,
            **limits: Any,
        ) -> Sidecar:
            store = SqliteStore(tmp_path / "book.db", notes_unpublished=True)
            mild = replace(Limits(client_backoff_seconds=0.0, grace_seconds=0.0), **limits)
            service = Service(Book(mild, store.load(), time.time()), store)
            await service.start()
            stack.push_async_callback(service.stop)
            upstream = Upstream(
                to,
                service.read,
                book_id=service.book_id,
                telling=telling or Telling(),
                queue_bytes=queue_bytes,
                patience=patience,
            )
            service.watch(lambda changes: upstream.settled(changes.settled))
            await upstream.start()
            stack.push_async_callback(upstream.stop, 0.1)
            runner = make_runner(make_receiver(service, upstream=upstream))
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            client = await stack.enter_async_context(
                ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}")
            )
            return Sidecar(service, upstream, client)

        yield start


@pytest.fixture
async def sidecar(backend: Backend, start_sidecar: StartSidecar) -> Sidecar:
    """One that sends everything to ``backend``."""
    return await start_sidecar(backend.destinations())

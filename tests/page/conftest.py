"""One Chromium for all of these tests, and a furnished book behind the operators' port."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from worlds.browser import PATIENCE_MILLISECONDS, chromium
from worlds.furnished_book import CUT_OFF, LOST, furnish
from worlds.operators_port import OperatorsPort, operators_port

OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def port() -> AsyncIterator[OperatorsPort]:
    """Empty."""
    async with operators_port() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def furnished(port: OperatorsPort) -> OperatorsPort:
    """With a task of every kind."""
    await furnish(port)
    return port


@pytest_asyncio.fixture(loop_scope="package")
async def open_page(browser: Browser, port: OperatorsPort) -> AsyncIterator[OpenPage]:
    """``open_page(path, **options of a context)``; what the page complains of fails the test.

    ``gone_is_expected``: but for connections that the browser could not make.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def opened(path: str, *, gone_is_expected: bool = False, **options: object) -> Page:
        context = await browser.new_context(
            base_url=str(port.client.make_url("")).rstrip("/"),
            **options,  # type: ignore[arg-type] # passed through as it is
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type in {"error", "warning"}
                and not (gone_is_expected and "net::ERR_" in said.text)
                else None
            ),
        )
        await page.goto(path)
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert not complaints


@pytest.fixture
def views() -> tuple[str, ...]:
    """Every view, one task of each kind included."""
    tasks = (LOST, CUT_OFF)
    return ("/", "/tasks", "/losses", "/in-flight", *(f"/tasks/{task}" for task in tasks))

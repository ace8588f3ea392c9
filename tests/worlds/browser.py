"""Debian's Chromium, headless, driven by Playwright; and the views of the page to look at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Browser, async_playwright, expect

from worlds.programs import program

FLAGS: Final = (
    "--no-sandbox",  # tests may run as root, where it does not start otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # else it asks its maker's hosts for this and that
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MILLISECONDS: Final = 60_000


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A running one."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)  # the contexts' own time-out is not for it
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program("chromium"), args=list(FLAGS)
        )
        try:
            yield browser
        finally:
            await browser.close()

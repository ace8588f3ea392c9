"""What stands where on a screen: nothing that matters is out of sight or of another time."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from aiohttp import test_utils
from playwright.async_api import Page, expect

from afterword_sidecar.web.operators import operators_app
from worlds.furnished_book import CUT_OFF, LOST, furnish
from worlds.operators_port import OperatorsPort
from worlds.ports import held_port

OpenPage = Callable[..., Awaitable[Page]]

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="package")]

LONG: Final = "_of.acme.billing.integrations.stripe.webhooks.PaymentIntentSucceededHandler.by_email"
TURNED: Final = "שלום\u202eexe.txt"
LAST_CELLS: Final = """
() => [...document.querySelectorAll(".scrolls")].flatMap((scroller) => {
  const edge = scroller.getBoundingClientRect().right + 0.5;
  return [...scroller.querySelectorAll("tr > td")]
    .filter((cell) => cell.checkVisibility())
    .map((cell) => [cell.dataset.heading, cell.getBoundingClientRect(), cell.scrollWidth])
    .map(([heading, box, width]) => [heading, box.left + width <= edge]);
})
"""


@pytest.mark.parametrize("width", [360, 1280])
async def test_a_long_name_puts_nothing_out_of_sight(
    port: OperatorsPort, open_page: OpenPage, width: int
) -> None:
    """Every cell, the last column's too, lies within its scroller, on a desk and on a phone."""
    await furnish(port, LONG)
    page = await open_page("/", viewport={"width": width, "height": 800})
    for view, cell in (("/", "state"), ("/tasks", "budget used p95"), ("/losses", "payload")):
        await page.goto(view)
        places = await page.evaluate(LAST_CELLS)
        assert cell in {heading for heading, _ in places}
        assert [heading for heading, inside in places if not inside] == [], view


async def test_on_a_phone_the_verdict_comes_before_the_payload(
    furnished: OperatorsPort, open_page: OpenPage
) -> None:
    """Why we say so is what one came for; and every figure stands under its heading."""
    page = await open_page(f"/tasks/{LOST}", viewport={"width": 360, "height": 740})
    tops = [
        await page.locator(f"#{name}").evaluate("each => each.getBoundingClientRect().top")
        for name in ("timeline", "verdict", "error", "payload", "identity")
    ]
    assert tops == sorted(tops)
    await page.goto("/tasks")
    heading = await page.locator("td", has_text="no deadline").first.evaluate(
        "each => getComputedStyle(each, '::before').content"
    )
    assert heading == '"budget used p95"'


async def test_text_that_turns_around_stays_within_itself(
    port: OperatorsPort, open_page: OpenPage
) -> None:
    """What we say of a task stands in our order beside any name; what it hides is to be seen."""
    await furnish(port, TURNED)
    page = await open_page(f"/tasks/{LOST}")
    lead = page.locator("#task-lead")
    places = await lead.evaluate(
        """lead => {
            const range = document.createRange();
            return [...lead.childNodes].map((each) => {
                range.selectNode(each);
                return range.getBoundingClientRect().left;
            });
        }"""
    )
    assert places == sorted(places)
    hidden = page.locator("h1 .hidden-character")
    shown = await hidden.evaluate("each => getComputedStyle(each, '::before').content")
    assert shown == r'"\\u202e"'
    assert await page.locator("h1").text_content() == f"send_receipt{TURNED}"
    assert "\\u202e" in await page.title()


async def test_a_sidecar_that_is_gone_is_said_until_it_is_back(
    furnished: OperatorsPort, open_page: OpenPage
) -> None:
    """The page is of a moment that has passed: it says so, and no bar on it goes on."""
    page = await open_page("/in-flight", gone_is_expected=True)
    await expect(page.locator("#live")).to_have_text("live")
    as_of = await page.locator("#as-of time").text_content()
    stale = page.locator("#stale")
    await expect(stale).to_be_hidden()
    address = furnished.client.server.port
    assert address is not None
    await furnished.client.server.close()
    bars = "document.querySelectorAll('svg.deadline')"
    paused = f"[...{bars}].map(bar => bar.animationsPaused())"
    with held_port(address):
        await expect(stale).to_have_text(f"The sidecar does not answer; this is of {as_of} UTC.")
        await expect(stale).to_be_visible()
        await expect(page.locator("body")).to_have_class("stale")
        assert await page.evaluate(paused) == [True] * 2
        app = operators_app(furnished.service, version="0", unready=list)
        async with test_utils.TestServer(app, host="127.0.0.1", port=address):
            await expect(stale).to_be_hidden()
            await expect(page.locator("#live")).to_have_text("live")
            await expect(page.locator("body")).not_to_have_class(re.compile("stale"))
            assert await page.evaluate(paused) == [False] * 2
    assert CUT_OFF in await page.content()

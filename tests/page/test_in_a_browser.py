"""The page in a real Chromium: without its script, live, hostile, accessible, on a phone."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from worlds.furnished_book import CUT_OFF, HOSTILE, LOST, furnish, payload_with
from worlds.operators_port import OperatorsPort

OpenPage = Callable[..., Awaitable[Page]]

pytestmark = [pytest.mark.debian, pytest.mark.asyncio(loop_scope="package")]

PHONE: Final = {"width": 360, "height": 740}


async def test_every_view_is_whole_without_its_script(
    furnished: OperatorsPort, open_page: OpenPage
) -> None:
    """Figures, reasons, where it waited, payload: all is there; filters and links work."""
    page = await open_page("/", java_script_enabled=False)
    await expect(page.get_by_role("heading", name="The book balances")).to_be_visible()
    terms = await page.locator(".equation b").all_inner_texts()
    assert terms == ["7", "1", "1", "0", "1", "1", "0", "3"]
    assert "1.0 s left of 10 s" in await page.locator("#in-flight").inner_text()
    await page.get_by_role("link", name="Losses", exact=True).click()
    row = page.locator("#letters tbody tr", has_text="552 mailbox full")
    told = await row.inner_text()
    for words in ("exception: it raised", "observed", "smtplib.send at shop/mail.py:3 in send"):
        assert words in told
    await row.get_by_role("link", name="send_receipt").click()
    assert "It raised. (rule 3)" in await page.locator("#verdict").inner_text()
    assert "12345678901234567890" in await page.locator("#payload-text").inner_text()
    assert "19.90" in await page.locator("#payload-text").inner_text()
    await page.goto(f"/tasks/{CUT_OFF}")
    assert "httpx.get at shop/images.py:8" in await page.locator(".where").inner_text()
    await page.goto("/losses")
    await page.locator("[name=outcome]").select_option("dropped")
    await page.get_by_role("button", name="Filter").click()
    assert page.url.endswith("/losses?outcome=dropped")
    assert await page.locator("#letters tbody tr").count() == 1


async def test_a_change_arrives_by_itself(furnished: OperatorsPort, open_page: OpenPage) -> None:
    """New figures without a reload; what is open stays open, and the focus where it was."""
    page = await open_page("/")
    await expect(page.locator("#live")).to_have_text("live")
    await page.evaluate("window.notReloaded = true")
    await page.locator("#over-time-table summary").click()
    await page.locator(".equation .failed a").focus()
    furnished.monotonic += 2  # what was listed a moment ago would be shown again
    await furnished.told(furnished.scheduled(50), furnished.failed(51, 50))
    await expect(page.locator(".equation .failed b")).to_have_text("2")
    assert await page.evaluate("window.notReloaded") is True
    assert await page.locator("#over-time-table").get_attribute("open") == ""
    assert await page.evaluate("document.activeElement.textContent") == "2failed"


async def test_filters_combine_stand_in_the_url_and_come_back(
    furnished: OperatorsPort, open_page: OpenPage
) -> None:
    """A count leads to what it counts; whoever is sent the URL sees the same; each can be left."""
    furnished.now += 7200
    await furnished.told(furnished.scheduled(50), furnished.failed(51, 50))
    page = await open_page("/losses")
    kind = page.locator("#kinds tbody tr", has_text="MailboxFullError")
    counts = await kind.locator("td.number").all_inner_texts()
    assert counts == ["0", "1", "1", "1", "1"]
    await kind.get_by_role("link", name="1 within the last 3 hours").click()
    assert await page.locator("#letters tbody tr").count() == 1
    for part in ("error=shop.MailboxFullError", "task=send_receipt", "within=3h"):
        assert part in page.url
    again = await open_page(page.url)
    assert await again.locator("[name=error]").input_value() == "shop.MailboxFullError"
    assert await again.locator("[name=within]").input_value() == "3h"
    assert await again.locator("#letters tbody tr").count() == 1
    await again.locator("[name=within]").select_option("1h")
    await again.get_by_role("button", name="Filter").click()
    assert "No dead letter meets this filter" in await again.locator("#letters").inner_text()
    await again.get_by_role("link", name="Without within 1h").click()
    await again.get_by_role("link", name="Clear all").click()
    assert again.url.endswith("/losses")
    # Two hours on, what was in flight is lost too.
    await expect(again.locator("#letters tbody tr")).to_have_count(7)


async def test_what_clients_send_is_shown_and_never_obeyed(
    port: OperatorsPort, open_page: OpenPage, views: tuple[str, ...]
) -> None:
    """Markup in every field of every record is text, whole and exact, also after an update."""
    await furnish(port, HOSTILE)
    page = await open_page("/")
    for view in views:
        await page.goto(view)
        await expect(page.locator("#live")).to_have_text("live")
        assert HOSTILE in (await page.locator("main").inner_text()).replace("\n", ""), view
        assert await page.locator("main img, main script, main svg[onload]").count() == 0
        assert await page.evaluate("window.pwned") is None
    await page.goto(f"/tasks/{LOST}")
    payload = await page.locator("#payload-text").text_content()
    assert payload is not None
    assert payload.replace("\n", "").replace(" ", "") == payload_with(HOSTILE).replace(" ", "")
    await port.told(port.scheduled(50, f"again{HOSTILE}"), service=HOSTILE)
    port.monotonic += 2  # else what was listed a moment ago would be shown again
    await page.goto("/in-flight")
    await expect(page.locator("#live")).to_have_text("live")  # a change before that waits for 10 s
    port.monotonic += 2
    await port.told(port.scheduled(52, f"and again{HOSTILE}"))
    await expect(page.get_by_text("and again<script>")).to_be_visible()
    assert await page.evaluate("window.pwned") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_for_axe_to_complain_of(
    furnished: OperatorsPort,
    open_page: OpenPage,
    views: tuple[str, ...],
    scheme: Literal["light", "dark"],
) -> None:
    """Contrast, names, roles, order of headings: on every view, in both colour schemes."""
    page = await open_page("/", color_scheme=scheme)
    for view in (*views, "/losses?outcome=failed&within=1h"):
        await page.goto(view)
        results = await Axe().run(page)
        assert results.violations_count == 0, f"{view}: {results.generate_report()}"


async def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    port: OperatorsPort, open_page: OpenPage, views: tuple[str, ...]
) -> None:
    """Also where names have no place to break; a table that is wider scrolls by itself."""
    await furnish(port, "_very_long_name_without_any_blank" * 5)
    page = await open_page("/", viewport=PHONE)
    for view in views:
        await page.goto(view)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], view


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    furnished: OperatorsPort, open_page: OpenPage
) -> None:
    """First the way past the navigation; then every link, field and button, with an outline."""
    for view in ("/", "/losses?outcome=failed", f"/tasks/{LOST}"):
        page = await open_page(view)
        await expect(page.locator("#live")).to_have_text("live")
        wanted = await page.locator(FOCUSABLE).evaluate_all(
            "all => all.filter(each => each.checkVisibility()).length"
        )
        reached = [await _tab(page) for _ in range(wanted)]
        assert reached[0]["text"] == "Skip to the content"
        assert len({each["place"] for each in reached}) == wanted, view
        assert [each for each in reached if each["outline"] == "none"] == [], view


FOCUSABLE: Final = "a[href], button, summary, [tabindex='0'], select, input:not([type=hidden])"


async def _tab(page: Page) -> dict[str, Any]:
    await page.keyboard.press("Tab")
    told: dict[str, Any] = await page.evaluate(
        """selector => {
            const focused = document.activeElement;
            return {
                text: focused.textContent,
                place: [...document.querySelectorAll(selector)].indexOf(focused),
                outline: getComputedStyle(focused).outlineStyle,
            };
        }""",
        FOCUSABLE,
    )
    return told

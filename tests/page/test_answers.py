"""The page as HTTP: what it answers, refuses and bounds, and what it costs with very much in it."""

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
from aiohttp import ClientResponse, test_utils

from afterword_sidecar.web.operators import operators_app
from afterword_sidecar.web.page.live import WATCHERS_AT_MOST
from afterword_sidecar.web.page.losses_view import Kept
from afterword_sidecar.web.page.routes import PageSettings
from worlds.furnished_book import HOSTILE, IN_FLIGHT, LOST, TRACE, furnish
from worlds.operators_port import OperatorsPort, operators_port

pytestmark = pytest.mark.asyncio(loop_scope="package")
PATIENCE_SECONDS = 30
"""Half of what a server waits for its connections by default."""
INLINE = re.compile(
    r"<style|\sstyle=|\son\w+=|<script(?! src=\"/static/)|javascript:", re.IGNORECASE
)


async def html(port: OperatorsPort, path: str) -> str:
    response = await port.client.get(path)
    body = await response.text()
    assert response.status == HTTPStatus.OK, body
    assert response.content_type == "text/html"
    return body


async def test_nothing_is_inline_and_nothing_comes_from_elsewhere(
    furnished: OperatorsPort, views: tuple[str, ...]
) -> None:
    """The policy forbids it, and no view would want it; assets are kept by their digest."""
    for view in views:
        response = await furnished.client.get(view)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["Cache-Control"] == "no-store"
        body = await response.text()
        assert not INLINE.search(body), view
        for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', body):
            asset = await furnished.client.get(url)
            assert (asset.status, asset.headers["X-Content-Type-Options"]) == (200, "nosniff")
            assert "immutable" in asset.headers["Cache-Control"]


async def test_empty_views_say_why(port: OperatorsPort) -> None:
    """An empty book claims no more than that; it says for how long what is lost is kept."""
    book = await html(port, "/")
    assert "Nothing has been told yet." in book
    assert "has counted since it started" in book
    for claim in ("has its verdict", "can be trusted", "was lost"):
        assert claim not in book
    assert "Nothing has been told yet." in await html(port, "/tasks")
    assert "Nothing has been told yet." in await html(port, "/in-flight")
    assert "are kept for 30 d and at most 100\u202f000" in await html(port, "/losses")
    await port.told(port.scheduled(1), port.failed(2, 1))
    assert "No dead letter meets this filter." in await html(port, "/losses?task=another")
    assert "No task has these labels." in await html(port, "/tasks?task=another")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/losses?taks=send", 400, "taks: there is no such parameter"),
        ("/losses?within=1w", 400, "within: it is not one of 1h, 3h, 24h, 3d, 7d"),
        ("/losses?outcome=failed&outcome=dropped", 400, "outcome: it is given twice"),
        ("/losses?cursor=x", 400, "cursor: it is not a cursor of this list"),
        ("/in-flight?cursor=00.1.5", 410, "Begin again with its first page"),
        ("/tasks/none", 404, "only what is lost is kept"),
        ("/nope", 404, "<bdi>/nope</bdi></code> here; the views are named above"),
    ],
)
async def test_a_wrong_address_is_a_page_that_says_what_is_wrong(
    furnished: OperatorsPort, path: str, status: int, words: str
) -> None:
    """A filter that was lost on the way never means all; it does not ask the same over and over."""
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    response = await furnished.client.get(path, headers=browser)
    assert (response.status, response.content_type) == (status, "text/html")
    page = await response.text()
    assert words in page
    assert "<script" not in page


async def test_what_a_form_leaves_empty_leaves_the_url(furnished: OperatorsPort) -> None:
    """And the rest is kept as it was typed."""
    asked = "/losses?service=&task=a%26b&error=&outcome=failed"
    response = await furnished.client.get(asked, allow_redirects=False)
    assert response.status == HTTPStatus.SEE_OTHER
    assert response.headers["Location"] == "/losses?task=a%26b&outcome=failed"


async def test_a_failing_store_leaves_the_book_to_be_seen(furnished: OperatorsPort) -> None:
    """The totals are of the last commit; lists say that they cannot be had, and when to come."""
    assert (await furnished.get("/api/v1/book"))["balance"]["balanced"]
    furnished.monotonic += 10
    furnished.store.full = True
    write = asyncio.create_task(furnished.told(furnished.scheduled(60)))
    await furnished.store.has_failed()
    body = await html(furnished, "/")
    assert "The book balances" in body
    assert "what is in flight is shown only as it is stored" in body
    response = await furnished.client.get("/in-flight")
    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert "the disk is full" in await response.text()
    furnished.store.full = False
    await asyncio.gather(write, return_exceptions=True)


async def test_the_trace_is_linked_by_the_template_and_nothing_of_a_client_gets_into_it() -> None:
    """Both ids in their places; and no link where no template is set."""
    async with operators_port() as port:
        await furnish(port, HOSTILE)
        trace_url = "https://traces.example/{trace_id}?span={span_id}"
        settings = PageSettings(trace_url=trace_url, kept=Kept(age_seconds=60.0, count=5))
        app = operators_app(port.service, version="0", unready=list, page=settings)
        async with test_utils.TestClient(test_utils.TestServer(app, host="127.0.0.1")) as client:
            body = await (await client.get(f"/tasks/{LOST}")).text()
        href = f"https://traces.example/{TRACE.hex()}?span={TRACE[:8].hex()}"
        assert f'href="{href}"' in body
        assert "Open the trace" not in await html(port, f"/tasks/{LOST}")


async def streams(port: OperatorsPort, number: int) -> list[ClientResponse]:
    return list(await asyncio.gather(*(port.client.get("/live") for _ in range(number))))


async def events(response: ClientResponse) -> AsyncIterator[str]:
    async for line in response.content:
        if line.startswith(b"event:"):
            yield line.decode().split()[1]


async def test_live_pages_are_told_are_bounded_and_do_not_hold_up_a_stop() -> None:
    """A commit is an event for each of them; one too many is turned away; a stop ends them all."""
    async with operators_port() as port:
        watching = await streams(port, WATCHERS_AT_MOST)
        assert {response.status for response in watching} == {HTTPStatus.OK}
        one_too_many = await port.client.get("/live")
        assert one_too_many.status == HTTPStatus.SERVICE_UNAVAILABLE
        told = [events(response) for response in watching]
        assert {await anext(each) for each in told} == {"open"}
        await port.told(port.scheduled(1))
        assert {await anext(each) for each in told} == {"change"}
        async with asyncio.timeout(PATIENCE_SECONDS):
            await port.client.server.close()


async def test_a_hundred_thousand_tasks_in_flight_do_not_make_it_slow(
    port: OperatorsPort,
) -> None:
    """Each view is a page of bounded size, and others are answered while it is made."""
    for start in range(1, 100_001, 10_000):
        await port.told(*(port.scheduled(start + at) for at in range(10_000)))
    for path in ("/", "/in-flight", "/tasks", "/losses"):
        asked = asyncio.create_task(html(port, path))
        await port.get("/healthz")
        body = await asked
        assert "100\u202f000" in body or path == "/losses"
        assert len(body) < 100_000, path
    assert "100\u202f000</strong> in all" in await html(port, "/in-flight")


async def test_a_running_task_shows_how_much_time_it_has_left(furnished: OperatorsPort) -> None:
    """The bar goes on by itself, without a script, until the deadline."""
    body = await html(furnished, "/in-flight")
    assert '<animate attributeName="width" from="33.33" to="100" dur="40.00s"' in body
    assert "Its deadline is in 40 s." in await html(furnished, f"/tasks/{IN_FLIGHT}")


async def test_missing_evidence_is_said_where_the_balance_is(port: OperatorsPort) -> None:
    """A hole in what a process told: the book balances, and says that it cannot be trusted."""
    await port.told(port.scheduled(1))
    assert "Nothing is missing from the evidence." in await html(port, "/")
    await port.told(port.scheduled(5))
    port.monotonic += 2
    body = await html(port, "/")
    assert "The book balances" in body
    assert "Evidence is missing." in body
    assert "3 records are missing" in body


async def test_silence_is_not_taken_for_trust(port: OperatorsPort) -> None:
    """Nothing is missing from what was told; whether that is all only a process that lives says."""
    await port.told(port.scheduled(1))
    assert "The audit finds nothing missing" in await html(port, "/")
    port.now, port.monotonic = port.now + 120, port.monotonic + 120
    body = await html(port, "/")
    assert "Nothing is missing from what was told." in body
    assert "1 process is silent without a goodbye: idle, frozen or gone." in body

"""What the page shows, as the API gives it: the book, its tasks, its losses, one task."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from afterword_sidecar.ledger.facts import Settled, Source, Started
from afterword_sidecar.ledger.records import OpenTask, Series
from afterword_sidecar.web.api_tasks import Snapshot, TaskFilter
from afterword_sidecar.web.distributions import distribution
from worlds.operators_port import OperatorsPort

ID = "000102030405060708090a0b0c0d0e0f"


def closing(port: OperatorsPort, sequence: int, of: int, **more: Any) -> Settled:
    fields = {"outcome": "completed", "reason": "completed", "platform": "vercel"} | more
    return Settled(sequence, of, port.now, "send_receipt", **fields)


async def test_the_book_balances_and_tells_of_its_last_minutes(port: OperatorsPort) -> None:
    """The net counts add up to what was scheduled; each minute has what came in it."""
    await port.told(port.scheduled(1), port.scheduled(2), port.failed(3, 1))
    port.now += 60
    await port.told(closing(port, 4, 2), port.scheduled(5))
    book = await port.get("/api/v1/book")
    assert book["balance"] == {
        "scheduled": 3,
        "completed": 1,
        "failed": 1,
        "timed_out": 0,
        "cancelled": 0,
        "dropped": 0,
        "unknown": 0,
        "in_flight": 1,
        "balanced": True,
        "cancelled_by_application": 0,
    }
    last = [(slot["scheduled"], slot["completed"], slot["failed"]) for slot in book["slots"][-2:]]
    assert (len(book["slots"]), last) == (60, [(2, 0, 1), (1, 1, 0)])
    day = await port.get("/api/v1/book", range="24h")
    assert sum(slot["scheduled"] for slot in day["slots"]) == 3
    assert (day["slot_seconds"], len(day["slots"])) == (1200, 72)


async def test_summaries_have_rates_and_quantiles_and_an_order(port: OperatorsPort) -> None:
    """What needs attention first; a page says how many there are, and where the next begins."""
    opened = port.scheduled(1, deadline=port.now + 10)
    failed = port.failed(3, 1, deadline=port.now + 10)
    await port.told(opened, port.scheduled(2, task="resize"), failed, port.scheduled(4, task="a"))
    page = await port.get("/api/v1/summaries", limit="2")
    assert [item["task"] for item in page["items"]] == ["send_receipt", "a"]
    assert (page["total"], page["next_cursor"]) == (3, "2")
    first = page["items"][0]
    assert first["minutes"][-1] == [1, 0, 1]
    assert first["dead_letters_open"] == 1
    assert first["duration_seconds"]["count"] == 1
    rest = await port.get("/api/v1/summaries", limit="2", cursor="2")
    assert [item["task"] for item in rest["items"]] == ["resize"]
    named = await port.get("/api/v1/summaries", sort="name")
    assert [item["task"] for item in named["items"]] == ["a", "resize", "send_receipt"]
    status, problem, _ = await port.ask("/api/v1/summaries", cursor="-1")
    assert (status, problem["parameter"]) == (400, "cursor")


async def test_losses_by_kind_and_window_agree_with_the_list(port: OperatorsPort) -> None:
    """Each window counts what a list from its beginning on shows, under any filter."""
    await port.told(port.scheduled(1), port.failed(2, 1))
    port.now += 2 * 3600
    await port.told(port.scheduled(3), port.failed(4, 3), port.scheduled(5))
    await port.told(closing(port, 6, 5, outcome="dropped", reason="abandoned"))
    losses = await port.get("/api/v1/losses")
    kinds = {(k["error"], k["reason"]): k["counts"] for k in losses["kinds"]}
    assert kinds[None, "abandoned"] == dict.fromkeys(
        ("last_1h", "last_3h", "last_24h", "last_3d", "last_7d"), 1
    )
    assert kinds["ValueError", "exception"]["last_1h"] == 1
    assert kinds["ValueError", "exception"]["last_3h"] == 2
    assert losses["in_all"]["last_7d"] == 3
    assert losses["by_outcome"] == {"failed": 2, "dropped": 1}
    assert [hour["by_outcome"] for hour in losses["hours"][-3:]] == [
        {"failed": 1},
        {},
        {"failed": 1, "dropped": 1},
    ]
    for filters in ({"error": "ValueError"}, {"outcome": "dropped"}, {"task": "nobody"}):
        counted = await port.get("/api/v1/losses", **filters)
        listed = await port.get("/api/v1/dead-letters", **filters)
        assert counted["in_all"]["last_7d"] == len(listed["items"]), filters


async def test_one_task_whatever_became_of_it(port: OperatorsPort) -> None:
    """In flight, lost (with its payload), completed lately; else a 404 that says why."""
    await port.told(
        port.scheduled(1, payload='{"order": 12345678901234567890}'),
        port.scheduled(2),
        port.scheduled(3),
        Started(4, 2, port.now, 0.1),
        port.failed(5, 1),
        closing(port, 6, 3),
    )
    lost = await port.get(f"/api/v1/tasks/{ID}-1")
    assert (lost["outcome"], lost["payload"]) == ("failed", {"order": 12345678901234567890})
    assert (await port.get(f"/api/v1/tasks/{ID}-2"))["outcome"] == "in_flight"
    assert (await port.get(f"/api/v1/tasks/{ID}-3"))["outcome"] == "completed"
    for unknown in (f"{ID}-9", "no-id"):
        status, problem, _ = await port.ask(f"/api/v1/tasks/{unknown}")
        assert (status, "retention" in problem["detail"]) == (404, True)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([4, 0, 0], (0.5, 0.95, 0.99)),
        ([2, 2, 0], (1.0, 1.9, 1.98)),
        ([0, 0, 3], (2.0, 2.0, 2.0)),
    ],
)
def test_quantiles_are_those_of_prometheus(
    counts: list[float], expected: tuple[float, ...]
) -> None:
    """Linear within a bucket; beyond the last one, its bound."""
    found = distribution([*counts, 6.0], (1.0, 2.0))
    assert found is not None
    told = (found.p50, found.p95, found.p99)
    assert all(math.isclose(a, b) for a, b in zip(told, expected, strict=True)), told
    assert distribution([0, 0, 0, 0.0], (1.0, 2.0)) is None


def test_a_listing_is_ordered_once_however_many_read_it() -> None:
    """Its first pages, asked for at once, are the same: none sees a list that is being sorted."""
    before = sys.getswitchinterval()
    source, series = Source(b"S" * 16, "shop"), Series("shop", "mail", "vercel", "app")
    tasks = [OpenTask(source, n, series, "mail", float(n * 7919 % 50_000)) for n in range(50_000)]
    sys.setswitchinterval(1e-5)
    try:
        snapshot = Snapshot("1", list(tasks), [])
        with ThreadPoolExecutor(8) as threads:
            pages = list(threads.map(lambda _: snapshot.page(TaskFilter(), 10, 0), range(8)))
    finally:
        sys.setswitchinterval(before)
    oldest = sorted(tasks, key=lambda task: task.scheduled_at)[:10]
    for page in pages:
        assert [item.sequence for item in page.items] == [task.sequence for task in oldest]

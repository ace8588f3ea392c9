"""A task's page: by whose clock, in which order, and in the words that its evidence calls for."""

import re

import msgspec
import pytest

from afterword_sidecar.ledger.facts import Batch, Fact, Pending, Scheduled, Settled, Source, Started
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page.task_timeline import timeline
from worlds.operators_port import STREAM, OperatorsPort

pytestmark = pytest.mark.asyncio(loop_scope="package")

ID = f"{STREAM.hex()}-1"


async def spooled(port: OperatorsPort, *facts: Fact) -> None:
    """Evidence of a process on the sidecar's kernel."""
    await port.service.submit([Batch(Source(STREAM, "shop"), list(facts), port.now, True)], 100)


async def died(port: OperatorsPort) -> None:
    await port.service.stream_ended(STREAM, alive_at=port.now - 0.05)


async def events(port: OperatorsPort) -> list[str]:
    body = await (await port.client.get(f"/api/v1/dead-letters/{ID}")).read()
    task = msgspec.json.decode(body, type=shapes.DeadLetterWithPayload)
    return [event.words for event in timeline(task)]


async def text(port: OperatorsPort, path: str = f"/tasks/{ID}") -> str:
    """What the page says, a blank in the place of its markup."""
    body = await (await port.client.get(path)).text()
    return " ".join(re.sub("<[^>]*>", " ", body).replace("&#39;", "'").split())


async def test_two_clocks_are_never_subtracted(port: OperatorsPort) -> None:
    """A client that is 8 min ahead: its own order and length; what the sidecar did, after that."""
    ahead = port.now + 499
    closing = Settled(
        3,
        1,
        ahead + 0.011,
        "send",
        "failed",
        "exception",
        scheduled_at=ahead,
        duration_seconds=0.01,
    )
    opening = Scheduled(1, ahead, "send", deadline=ahead + 10)
    await port.told(opening, Started(2, 1, ahead + 0.001, 0.001), closing)
    assert await events(port) == [
        "Handed over",
        "Took its first step",
        "Said how it ended",
        "Pronounced failed",
        "Its deadline",
    ]
    page = await text(port)
    assert "11 ms to its end" in page
    assert "sidecar Pronounced failed" in page
    assert "The clock of its process is ahead by 8 min 19 s or more." in page
    assert "\N{MINUS SIGN}" not in page


async def test_a_task_in_flight_has_no_negative_age(port: OperatorsPort) -> None:
    """Of a client that is ahead is known for how long it has been heard of, at least."""
    ahead = port.now + 499
    await port.told(Scheduled(1, ahead, "send", deadline=ahead + 10))
    port.now += 4
    assert "handed over 4.0 s ago" in await text(port)
    assert "6.0 s left of 10 s" in await text(port, "/in-flight")


async def test_where_the_clock_is_the_same_all_of_it_is_in_its_order(port: OperatorsPort) -> None:
    """Killed 0.9 s before its deadline, after its guard had looked: so says the page."""
    began = port.now
    opening = Scheduled(1, began, "send", deadline=began + 4, guard_lead_seconds=2.0)
    await spooled(port, opening, Started(2, 1, began, 0.0))
    port.now += 2
    await spooled(port, Pending(3, 1, port.now, "deadline_near", awaiting="read at shop.py:3"))
    port.now += 1.1
    await died(port)
    assert await events(port) == [
        "Handed over",
        "Took its first step",
        "About to be cut off",
        "Its process no longer held its lock, and all it wrote had been read",
        "Pronounced timed out",
        "Its deadline",
    ]
    page = await text(port)
    assert "platform_deadline: its process died 900 ms before its deadline" in page
    assert (
        "Its process died 900 ms before its deadline, within the guard's time: taken for the "
        "platform's cut. (rule 12)"
    ) in page
    assert "+3.1 s Pronounced timed out" in page
    assert "3.1 s until its process died" in page
    assert "deadline passed" not in page


async def test_a_killed_process_says_why_it_is_not_known_where_it_waited(
    port: OperatorsPort,
) -> None:
    """And that no trace id came; what is not known is said, and not left out."""
    await spooled(port, Scheduled(1, port.now, "send"), Started(2, 1, port.now, 0.0))
    port.now += 4
    await died(port)
    page = await text(port)
    assert "Not known: its process was killed without warning. With deadline= a guard" in page
    assert "none: no trace id came with it" in page


async def test_silence_is_not_told_as_a_death(port: OperatorsPort) -> None:
    """Not heard of by its deadline: that is said, and no end of its life is made up."""
    await port.told(Scheduled(1, port.now, "send", deadline=port.now + 5))
    port.now += 3600
    await port.told(port.scheduled(2))
    page = await text(port)
    assert "platform_deadline: not heard to end by its deadline" in page
    assert "It was not heard to end by its deadline and the grace. (rule 12)" in page
    assert "when it ended is not known" in page
    assert re.search(r"Its deadline .* sidecar Its deadline and the grace were over", page)


async def test_a_day_that_is_not_todays_is_told_once(port: OperatorsPort) -> None:
    """The date as a heading, the times to the millisecond, of one day only."""
    await port.told(port.scheduled(1), port.failed(2, 1))
    port.now += 86_400
    page = await (await port.client.get(f"/tasks/{ID}")).text()
    assert page.count('<li class="day">14 November 2023</li>') == 1
    assert page.count(">22:13:20.000</time>") == 3


@pytest.mark.parametrize(
    ("reason", "lost"), [("cancelled", False), ("disconnected", True)], ids=["itself", "client"]
)
async def test_what_the_application_cancelled_itself_is_no_loss(
    port: OperatorsPort, reason: str, *, lost: bool
) -> None:
    """Everywhere alike: it stands beside what was lost, and asks for no attention."""
    closing = Settled(2, 1, port.now, "send", "cancelled", reason, scheduled_at=port.now)
    await port.told(Scheduled(1, port.now, "send"), closing)
    await port.told(Scheduled(3, port.now, "other"))
    number = int(lost)
    book, losses = await text(port, "/"), await text(port, "/losses")
    beside = "and" if lost else "1 cancelled by the application itself, and"
    assert f"{number} {'was' if lost else 'were'} lost, {beside} 1 is in flight." in book
    assert ("Nothing was lost in the last 24 hours." in book) is not lost
    assert f"Tasks that were lost: {number} in the last 24 hours" in losses
    for page in (book, losses):
        assert ("cancelled by the application itself" in page or "cancelled itself" in page) is (
            not lost
        )
    assert ("0 + 1 cancelled" in await text(port, "/tasks")) is not lost
    summaries = await port.get("/api/v1/summaries")
    first = summaries["items"][0]
    assert first["task"] == ("send" if lost else "other")
    balance = (await port.get("/api/v1/book"))["balance"]
    assert (balance["cancelled"], balance["cancelled_by_application"]) == (1, 1 - number)

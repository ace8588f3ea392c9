"""The slots of the book: what commits add, what a restart keeps, and what it never costs."""

import random
import sys
from collections import Counter

import pytest

from afterword_sidecar.ledger.facts import Batch, Settled, Source
from afterword_sidecar.ledger.records import Total
from afterword_sidecar.service.history import COLUMNS, SLOT_SECONDS, SLOTS, History, Ring
from afterword_sidecar.stores.contract import LossCount
from worlds.operators_port import START, STREAM, OperatorsPort, operators_port

MAIL = ("shop", "send_mail", "asyncio", "app")


def total(value: float, *verdict: str) -> Total:
    return Total("settled" if verdict else "scheduled", (*MAIL, *verdict), value, 0.0)


def test_only_growth_since_the_start_counts_and_an_amendment_is_one_more() -> None:
    """Totals of before count nothing; later ones by their difference, in the minute they came."""
    before = total(7.0)
    history = History({("scheduled", MAIL): before}, now=600.0)
    history.note([total(9.0), total(1.0, "dropped", "instance_lost", "proven")], 610.0)
    history.note([total(1.0, "completed", "completed", "observed")], 660.0)
    earlier, *_, now = history.book(6, 660.0)
    assert (earlier.at, now.at) == (610, 660)
    assert earlier.counts == dict.fromkeys(COLUMNS, 0) | {"scheduled": 2, "dropped": 1}
    assert now.counts == dict.fromkeys(COLUMNS, 0) | {"completed": 1}
    hour = history.task("shop", "send_mail", 660.0)
    assert [minute.counts for minute in hour[-2:]] == [
        {"scheduled": 2, "completed": 0, "lost": 1},
        {"scheduled": 0, "completed": 1, "lost": 0},
    ]
    assert history.task("shop", "another", 660.0) == []


def test_a_slot_stands_at_the_most_it_can_hold() -> None:
    """Whoever claims more tasks than there can be is shown that many, and raises nothing."""
    ring = Ring(2, 60, ("a",))
    for _ in range(3):
        ring.add(600.0, 0, 2**63)
    assert ring.last(1, 600.0)[0].counts == {"a": 2**64 - 1}


@pytest.mark.parametrize("seed", range(3))
def test_a_ring_is_the_last_minutes_of_a_plain_count(seed: int) -> None:
    """Whatever comes in whatever order, it says what counting everything would say of its span."""
    chance = random.Random(seed)
    ring, plain, newest = Ring(10, 60, ("a", "b")), Counter[tuple[int, int]](), 100
    for _ in range(500):
        newest += chance.choice((0, 0, 0, 1, 1, 15))
        minute = newest - chance.randrange(10)
        column, count = chance.randrange(2), chance.randrange(1, 9)
        ring.add(60 * minute + chance.random() * 59, column, count)
        plain[minute, column] += count
        for read in ring.last(10, 60.0 * newest):
            at = read.at // 60
            assert read.counts == {"a": plain[at, 0], "b": plain[at, 1]}


def test_it_is_bounded() -> None:
    """A day of the book is 560 kB, however much happens."""
    ring = Ring(SLOTS, SLOT_SECONDS, COLUMNS)
    for moment in range(0, 3 * 86_400, 7):
        ring.add(moment, 0, 1)
    assert sys.getsizeof(ring._counts) < 600_000


async def test_a_restart_keeps_what_was_lost() -> None:
    """A new sidecar over the old book knows the losses of the last day, and says since when all."""
    async with operators_port() as port:
        await port.told(port.scheduled(1), port.failed(2, 1))
        kept = port.store
        second = OperatorsPort(kept, now=START + 600)
        await second.service.start()
        minutes = {m.at: m.counts for m in second.service.history.book(80, second.now)}
        assert minutes[int(START // 10 * 10)] == dict.fromkeys(COLUMNS, 0) | {"failed": 1}
        assert second.service.history.whole_since == second.now
        closing = Settled(4, 3, second.now, "send_mail", "completed", "completed")
        await second.service.submit([Batch(Source(STREAM, "shop"), [closing], second.now)], 1)
        assert second.service.history.book(1, second.now)[0].counts["completed"] == 1
        await second.service.stop()
        await second.client.close()


def test_recalled_losses_are_added_up() -> None:
    """Kinds that fall into one minute are one count of their outcome."""
    history = History({}, 7200.0)
    kinds = [LossCount("", "shop", task, "dropped", "expired", 600, 2) for task in "ab"]
    history.recall(kinds)
    slots = {slot.at: slot.counts["dropped"] for slot in history.book(200, 7200.0)}
    assert slots[6000] == sum(slots.values()) == 4

"""The reader, step by step: real processes write, a real service over a real book reads."""

import asyncio

from afterword_sidecar.ledger.book import Book, Receipt
from afterword_sidecar.ledger.facts import Batch
from afterword_sidecar.ledger.limits import Limits
from worlds.spool import DEADLINE_SECONDS, SpoolWorld


async def test_a_killed_process_is_told_by_its_lock(world: SpoolWorld) -> None:
    """Its open tasks are lost, proven; what it completed is completed; nothing is left of it."""
    await world.start()
    process = world.process()
    process.order("open 3")
    process.order("close 1")
    await world.read_all()
    assert await world.totals() == {
        "scheduled": 3,
        "completed/completed/observed": 1,
        "in_flight": 2,
    }
    seen_alive_at = world.now
    process.order("open 1")  # told between the last look and the death
    process.kill()
    await world.read_all()
    totals = await world.totals()
    assert totals["dropped/instance_lost/proven"] == 3
    assert "in_flight" not in totals
    assert world.files() == set()
    streams = world.store.load().streams
    assert [stream.last_heard_at >= seen_alive_at for stream in streams] == [True]


async def test_a_forked_child_outlives_its_parent(world: SpoolWorld) -> None:
    """The parent's stream ends, the child's does not."""
    await world.start()
    parent = world.process()
    parent.order("open 1")
    _, child = parent.fork()
    await world.read_all()
    parent.kill()
    await world.read_all()
    assert world.taker.ended == {parent.name}
    assert await world.totals() | {"dead_letters_buried": 0} == {
        "scheduled": 2,
        "dropped/instance_lost/proven": 1,
        "in_flight": 1,
        "dead_letters_buried": 0,
    }
    assert world.files() == {f"{child}.lock", f"{child}.00000001.jsonl"}


async def test_a_line_is_waited_for_until_it_is_whole(world: SpoolWorld) -> None:
    """While the process lives, a line without its end is not yet a line: it costs nothing."""
    await world.start()
    process = world.process()
    process.order("open 1")
    whole = (world.directory / process.segments()[0]).read_bytes()
    second = whole.replace(b'"intValue":"1"', b'"intValue":"2"')
    process.order(f"raw {second[:40].hex()}")
    await world.read_all()
    assert (await world.totals())["scheduled"] == 1
    assert world.stats.behind_since is None  # half a line does not hold time back
    process.order(f"raw {second[40:].hex()}")
    await world.read_all()
    assert (await world.totals())["scheduled"] == 2
    assert not world.stats.lines_skipped


async def test_a_torn_piece_costs_itself_alone(world: SpoolWorld) -> None:
    """Before a newline it is one bad line; at the end of a dead process's segment it is torn."""
    await world.start()
    process = world.process()
    process.order("open 1")
    process.order(f"raw {b'{torn by a full disk'.hex()}")
    process.order(f"raw {bytes([10]).hex()}")
    process.order("open 1")
    process.order(f"raw {b'{torn by a kill'.hex()}")
    await world.read_all()
    assert world.stats.lines_skipped == {"malformed": 1}
    process.kill()
    await world.read_all()
    assert world.stats.lines_skipped == {"malformed": 1, "torn": 1}
    assert (await world.totals())["scheduled"] == 2
    assert world.files() == set()


async def test_segments_go_once_they_are_committed_and_followed(world: SpoolWorld) -> None:
    """Rotation while reading: nothing is missed, and the last segment stays."""
    await world.start()
    process = world.process(segment_bytes=3_000)
    for _ in range(5):
        process.order("open 7")
        await world.poll()
        process.order("close 7")
        await world.read_all()
    rotated = int(process.segments()[-1].split(".")[1])
    assert rotated > 5
    assert process.segments() == [f"{process.name}.{rotated:08d}.jsonl"]
    assert world.stats.segments_deleted == rotated - 1
    assert await world.totals() == {"scheduled": 35, "completed/completed/observed": 35}


async def test_nothing_is_deleted_before_it_is_committed(world: SpoolWorld) -> None:
    """While the store fails every file stays; when it works again, each record counts once."""
    await world.start()
    process = world.process(segment_bytes=3_000)
    process.order("open 10")
    await world.read_all()
    process.order("open 20")
    process.kill()
    before = world.files()
    world.store.full = True
    for _ in range(3):
        assert not await world.poll()
    assert world.files() == before
    assert world.stats.refusals == 3
    held_at = world.stats.behind_since
    assert held_at is not None
    world.store.full = False
    async with asyncio.timeout(DEADLINE_SECONDS):
        while world.stats.behind_since is not None:
            await world.poll()
    totals = await world.totals()
    assert (totals["scheduled"], totals["dropped/instance_lost/proven"]) == (30, 30)
    assert world.files() == set()


async def test_an_overloaded_book_is_asked_again(world: SpoolWorld) -> None:
    """What was read and not taken is kept, and brought again; nothing counts twice."""
    await world.start(serving=False)  # a service that has not started refuses as overloaded
    process = world.process()
    process.order("open 4")
    assert not await world.poll()
    process.order("open 4")
    assert not await world.poll()
    assert (world.stats.refusals, world.taker.sizes) == (2, [world.stats.bytes_read] * 2)
    await world.service.start()
    await world.read_all()
    assert await world.totals() == {"scheduled": 8, "in_flight": 8}
    assert world.service.stats.records_duplicate == 0


async def test_a_sidecar_that_starts_again_counts_nothing_twice(world: SpoolWorld) -> None:
    """It reads every file from its beginning; the sequences make that harmless."""
    process = world.process()
    process.order("open 5")  # before there is any sidecar
    await world.start()
    await world.read_all()
    process.order("close 2")
    await world.read_all()
    await world.stop()
    process.order("close 1")
    await world.start()
    await world.read_all()
    assert world.service.stats.records_duplicate == 7
    assert await world.totals() == {
        "scheduled": 5,
        "completed/completed/observed": 3,
        "in_flight": 2,
    }
    process.kill()
    await world.stop()
    await world.start()
    await world.read_all()
    assert (await world.totals())["dropped/instance_lost/proven"] == 2
    assert world.files() == set()


async def test_a_stream_that_ended_between_two_sidecars_ends(world: SpoolWorld) -> None:
    """Killed after its evidence was read, while no sidecar ran: its last segment tells of it."""
    process = world.process(segment_bytes=2_000)
    process.order("open 9")
    await world.start()
    await world.read_all()
    await world.stop()
    process.kill()
    await world.start()
    await world.read_all()
    assert (await world.totals())["dropped/instance_lost/proven"] == 9
    assert world.files() == set()


async def test_a_bug_in_the_book_costs_what_it_is_about(world: SpoolWorld) -> None:
    """One stream's evidence makes the book fail: it is passed over, counted, and no other is."""
    good, bad = world.process(), world.process()

    class Buggy(Book):
        """A book with a bug that a client cannot cause: there is none of those to test with."""

        def apply(self, batch: Batch, now: float) -> Receipt:
            if batch.source.stream == bad.stream:
                raise RuntimeError("a bug")
            return super().apply(batch, now)

    await world.start(book=Buggy)
    for process in (bad, good):
        process.order("open 2")
    await world.read_all()
    assert await world.totals() == {"scheduled": 2, "in_flight": 2}
    assert world.stats.lines_skipped == {"not_taken": 2}
    for process in (bad, good):
        process.kill()
    await world.read_all()
    assert world.taker.ended == {good.name, bad.name}


async def test_time_does_not_overtake_what_lies_unread(world: SpoolWorld) -> None:
    """A closing behind a long backlog is read before its task's long life is over."""
    process = world.process()
    process.order("open 1")
    for _ in range(20):
        process.order("open 50")
        process.order("close 50")
    process.order("close 1")
    world.limits = Limits(client_backoff_seconds=0.0, longest_life_seconds=1.0)
    world.now += 1_000
    await world.start(group_bytes=20_000)
    assert await world.read_all() > 10
    assert await world.totals() == {"scheduled": 1_001, "completed/completed/observed": 1_001}

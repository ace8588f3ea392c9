"""Much to read: bounded memory, and nobody starves."""

import logging
import shutil

import pytest

from worlds.spool import SpoolWorld

DEAD = 2_000


def bury(world: SpoolWorld) -> None:
    """The files of thousands of dead processes: one real process's, under other streams' names."""
    process = world.process()
    process.order("open 2")
    process.kill()
    segment = (world.directory / process.segments()[0]).read_bytes()
    (world.directory / process.segments()[0]).unlink()
    for number in range(DEAD):
        name = f"{number + 1:032x}"
        copy = segment.replace(process.name.encode(), name.encode())
        (world.directory / f"{name}.00000001.jsonl").write_bytes(copy)
        shutil.copy(world.directory / f"{process.name}.lock", world.directory / f"{name}.lock")
    (world.directory / f"{process.name}.lock").unlink()


async def test_thousands_of_dead_processes_are_read_in_bounded_groups(
    world: SpoolWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them are in the book, nothing is left, no group was large, and the log tells of it."""
    bury(world)
    with caplog.at_level(logging.INFO, "afterword_sidecar.spool"):
        await world.start(group_bytes=100_000)
        await world.read_all()
    assert (await world.totals())["dropped/instance_lost/proven"] == 2 * DEAD
    assert world.stats.streams_ended == DEAD
    assert world.files() == set()
    assert len(world.taker.sizes) > 10
    assert max(world.taker.sizes) <= 100_000 + 2_000  # the last line is read to its end
    told = [record.getMessage() for record in caplog.records]
    assert any(f"{DEAD} ended processes to go" in line for line in told)
    assert told[-1].endswith("is read up to now")


async def test_a_death_does_not_wait_for_a_backlog(world: SpoolWorld) -> None:
    """One stream has far more to tell than fits a group; another dies and is told at once."""
    await world.start(group_bytes=20_000)
    chatty, mortal = world.process(), world.process()
    mortal.order("open 1")
    await world.read_all()
    chatty.order("open 400")
    await world.poll()
    mortal.order("open 1")
    mortal.kill()
    rounds = 0
    while mortal.name not in world.taker.ended:
        await world.poll()
        rounds += 1
    assert rounds <= 2
    assert world.stats.unread_bytes > 100_000
    await world.read_all()
    assert (await world.totals())["scheduled"] == 402


async def test_a_long_line_needs_no_more_memory_than_its_limit(world: SpoolWorld) -> None:
    """Lines longer than a group is meant to be still come through whole, one after the other."""
    await world.start(group_bytes=1_000, line_bytes=4_000)
    process = world.process()
    process.order("open 1")
    line = (world.directory / process.segments()[0]).read_bytes()
    for number in range(2, 6):
        name = b'"stringValue":"mail' + b"x" * 200 + b'"'
        longer = line.replace(b'"intValue":"1"', b'"intValue":"%d"' % number)
        longer = longer.replace(b'"stringValue":"mail"', name)
        process.order(f"raw {longer.hex()}")
    await world.read_all()
    assert (await world.totals())["scheduled"] == 5
    assert max(world.taker.sizes) <= 4_000

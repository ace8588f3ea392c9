"""The running reader, and processes killed for real."""

import asyncio
import logging
import os
import signal
from pathlib import Path

from worlds.spool import DEADLINE_SECONDS, SpoolWorld

CROWD = 100


async def test_a_hundred_processes_killed_at_once_are_each_in_the_book(world: SpoolWorld) -> None:
    """SIGKILL to a hundred processes with a task open: a hundred tasks lost, proven, none twice."""
    parent = world.process()
    crowd = parent.crowd(CROWD)
    await world.start()
    await world.run()
    for pid, _ in crowd:
        os.kill(pid, signal.SIGKILL)
    await world.taker.until(lambda: len(world.taker.ended) == CROWD)
    assert world.taker.ended == {stream for _, stream in crowd}
    totals = await world.totals()
    assert (totals["scheduled"], totals["dropped/instance_lost/proven"]) == (CROWD, CROWD)
    assert {task.verdict.rule for task in world.store.settled.values()} == {13}
    assert len(world.store.settled) == CROWD


class Heard(logging.Handler):
    """Sets an event at the first error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.event = asyncio.Event()
        self.message = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.message = record.getMessage()
        self.event.set()


async def test_it_reads_on_after_trouble(world: SpoolWorld, tmp_path: Path) -> None:
    """A directory that cannot be read is told once and in the stats; reading goes on by itself."""
    world.directory = tmp_path / "spool"
    await world.start(trouble_pause_seconds=0.01)
    process = world.process()
    heard = Heard()
    logging.getLogger("afterword_sidecar.spool").addHandler(heard)
    world.directory.rename(tmp_path / "away")
    world.directory.write_text("not a directory")
    await world.run()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await heard.event.wait()
    logging.getLogger("afterword_sidecar.spool").removeHandler(heard)
    assert world.stats.problem == heard.message
    assert "cannot open spool directory" in heard.message
    world.directory.unlink()
    (tmp_path / "away").rename(world.directory)
    process.order("open 1")
    process.kill()
    await world.taker.until(lambda: world.taker.ended == {process.name})
    assert world.stats.problem == ""

"""What else may lie in a spool directory, and what may happen to it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from afterword.delivery.losses import NOTHING_LOST
from worlds.spool import SpoolWorld

NOBODY = 65534
STREAM = "0123456789abcdef" * 2


async def test_foreign_files_are_left_alone(world: SpoolWorld) -> None:
    """Whatever has a stream's name without being a file, or another name, hangs nothing."""
    (world.directory / f"{STREAM}.00000001.jsonl").mkdir()
    os.mkfifo(world.directory / f"{STREAM}.00000002.jsonl")
    (world.directory / f"{STREAM}.00000003.jsonl").symlink_to("/etc/passwd")
    os.mkfifo(world.directory / f"{STREAM}.lock")
    (world.directory / "notes.txt").write_text("mine")
    (world.directory / f"{STREAM}.00000004.jsonl.bak").write_text("mine too")
    before = world.files()
    await world.start()
    process = world.process()
    process.order("open 1")
    process.kill()
    await world.read_all()
    assert world.files() == before
    assert world.taker.ended == {process.name}
    assert world.stats.lines_read == 1


@contextmanager
def another_user(directory: Path) -> Iterator[None]:
    """A sidecar whose user may not read the files: the most common mistake in setting it up."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
        return
    modes = {path: path.stat().st_mode for path in directory.iterdir()}
    for path in modes:
        path.chmod(0)
    yield
    for path, mode in modes.items():
        path.chmod(mode)


async def test_what_the_sidecar_may_not_read_is_tried_again_later(
    world: SpoolWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, told once, holds no time back and ends nobody; made readable, it is read."""
    world.directory = Path(tempfile.mkdtemp())  # pytest's own are closed to other users
    world.directory.chmod(0o717)
    await world.start()
    process = world.process()
    process.order("open 1")
    with another_user(world.directory):
        await world.read_all()
        await world.poll()
        assert world.stats.files_unreadable == 2  # the lock, the segment
        assert world.stats.behind_since is None
        assert world.stats.lines_read == 0
    assert [record.message.partition(" ")[0] for record in caplog.records] == ["cannot"] * 2
    process.kill()
    world.now += 10
    await world.read_all()
    assert world.stats.files_unreadable == 0
    assert (await world.totals())["dropped/instance_lost/proven"] == 1
    assert world.files() == set()
    shutil.rmtree(world.directory)


async def test_bad_lines_cost_themselves_alone(world: SpoolWorld) -> None:
    """Garbage, too long, another's stream, not about tasks: counted, and the good are read."""
    await world.start(line_bytes=4_000)
    process, other = world.process(), world.process()
    process.order("open 1")
    other.order("open 1")
    foreign = (world.directory / other.segments()[0]).read_bytes()
    about_nothing = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1"}]}]}]}'
    for line in (b"\xff\x00[", b"x" * 10_000, about_nothing, b'{"resourceLogs":7}'):
        process.order(f"raw {line.hex()}0a")
    process.order(f"raw {foreign.hex()}")
    process.order("open 1")
    await world.read_all()
    assert world.stats.lines_skipped == {
        "malformed": 2,
        "too_long": 1,
        "passed_by": 1,
        "foreign_stream": 1,
    }
    assert await world.totals() == {"scheduled": 3, "in_flight": 3}


async def test_a_stream_without_a_lock_is_dead(world: SpoolWorld) -> None:
    """The lock is visible before the first segment, so without one the process is gone."""
    process = world.process()
    process.order("open 2")
    process.kill()
    (world.directory / f"{process.name}.lock").unlink()
    await world.start()
    await world.read_all()
    assert (await world.totals())["dropped/instance_lost/proven"] == 2
    assert world.files() == set()


async def test_locks_nobody_holds_are_cleared_away(world: SpoolWorld) -> None:
    """Who died before it wrote, or while it made its lock, leaves no trace; a young lock stays."""
    old, young = (world.directory / f".{name * 32}.lock" for name in "ab")
    for path in (old, young):
        path.touch()
    (world.directory / f"{STREAM}.lock").write_bytes(NOTHING_LOST)
    os.utime(old, (world.now - 100, world.now - 100))
    await world.start()
    await world.read_all()
    assert world.files() == {young.name}
    assert world.taker.ended == set()


async def test_a_directory_made_anew_is_read_on(world: SpoolWorld, tmp_path: Path) -> None:
    """Somebody removes it under a living process and a sidecar: both find the new one."""
    world.directory = tmp_path / "spool"
    await world.start()
    process = world.process()
    process.order("open 1")
    await world.read_all()
    for path in world.directory.iterdir():
        path.unlink()
    world.directory.rmdir()
    await world.read_all()
    assert world.directory.is_dir()
    process.order("later")
    await world.read_all()
    assert await world.totals() == {"scheduled": 2, "in_flight": 2}
    process.kill()
    await world.read_all()
    assert (await world.totals())["dropped/instance_lost/proven"] == 2

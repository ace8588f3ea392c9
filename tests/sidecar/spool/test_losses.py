"""What a spool cannot tell by its lines: records without room, locks held, directories gone."""

import os
import shutil
from pathlib import Path

import pytest

from afterword.delivery.losses import NOTHING_LOST, Losses
from afterword.delivery.segments import DEFAULT_TOTAL_BYTES
from afterword.evidence import Opening, Settled, TaskKind
from afterword.otlp_json import Envelope, encode
from afterword_sidecar.ledger.audit import ServiceAudit
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.spool import lost_records
from afterword_sidecar.spool.lost_records import NONE_LOST, SPEECHLESS, LostRecords
from afterword_sidecar.spool.settings import SpoolSettings
from worlds.spool import SpoolWorld

MAIL = TaskKind("mail", "asyncio")


def test_both_sides_agree_on_the_lock_files_line() -> None:
    """Numbers come from the lines themselves; blank, torn and foreign contents say nothing."""
    envelope = Envelope(b"S" * 16, {"service.name": '"deferred_task.sequence"'}, "1")
    first = Opening(7, 1, MAIL, payload='{"key":"deferred_task.sequence"}')
    second = Settled(9, 1, first, "completed", "completed")
    losses = Losses()
    for record in (second, first):
        losses = losses.after(envelope.line(encode(record)))
    assert losses == Losses(highest=9, closings=1)
    assert len(losses.words()) == len(NOTHING_LOST)
    assert lost_records.parse(losses.words()) == LostRecords(9, 1)
    for nothing in (
        NOTHING_LOST,
        b"",
        losses.words()[:-1],
        b"x" * 34,
        b"0 0\n",
        b"9" * 17 + b" 1\n",
    ):
        assert lost_records.parse(nothing) is None


@pytest.mark.parametrize("losses", [Losses(), Losses(9, 1), Losses(999_999_999, 999_999_999)])
def test_both_sides_agree_on_the_time_of_an_empty_lock_file(losses: Losses) -> None:
    """A time of long ago is a number of a record and a count; one of today says nothing."""
    told = lost_records.told_by_time(losses.as_time_ns(), dead=True)
    assert told == LostRecords(losses.highest, losses.closings)
    for no_message in (1_700_000_000 * 10**9, -(10**9)):
        assert lost_records.told_by_time(no_message, dead=False) == NONE_LOST
        assert lost_records.told_by_time(no_message, dead=True) == SPEECHLESS


async def test_a_process_without_room_for_one_line_is_told_of_living_and_dead(
    world: SpoolWorld,
) -> None:
    """A directory that others filled: its lock says it all, until a line says whose it is."""
    filler = world.directory / f"{'0' * 32}.00000001.jsonl"
    filler.touch()
    os.truncate(filler, DEFAULT_TOTAL_BYTES)
    heard, unheard = world.process(), world.process()
    for process in (heard, unheard):
        process.order("open 3")
        process.order("close 1")
    filler.unlink()
    await world.start(alive_seconds=0.0)
    await world.read_all()
    (service,) = await _audited(world)
    assert (service.service, service.missing, service.trusted) == ("unknown_service", 8, False)
    assert [fault.untold for fault in service.faults] == [True, True]
    heard.order("later")
    unheard.kill()
    await world.read_all()
    shop, nobody = await _audited(world)
    assert (shop.service, shop.missing, [each.untold for each in shop.faults]) == (
        "shop",
        4,
        [False],
    )
    assert (nobody.missing, nobody.lost, nobody.trusted) == (0, 4, False)
    totals = await world.totals()
    assert (totals["streams_untold"], totals["closings_lost"]) == (1, 1)
    assert {name.partition(".")[0] for name in world.files()} == {heard.name}


async def test_a_dead_process_without_room_for_a_word_is_counted(world: SpoolWorld) -> None:
    """By its empty lock's time, or as one that could say nothing; not if it had nothing to say."""
    for number, (words, time_ns) in enumerate(
        [
            (b"", Losses(7, 2).as_time_ns()),
            (b"", 1_700_000_000 * 10**9),
            (NOTHING_LOST, 0),
            (b"", 0),
        ]
    ):
        lock = world.directory / f"{number:032x}.lock"
        lock.write_bytes(words)
        os.utime(lock, ns=(time_ns, time_ns))
        (world.directory / f"{number:032x}.00000001.jsonl").touch()
    await world.start()
    await world.read_all()
    (service,) = await _audited(world)
    found = [(each.missing, each.closings_lost, each.state) for each in service.faults]
    assert found == [(7, 2, "ended"), (1, 0, "ended")]
    totals = await world.totals()
    assert (totals["streams_untold"], totals["closings_lost"], totals["evidence_lost"]) == (2, 2, 8)
    assert world.files() == set()


async def _audited(world: SpoolWorld) -> list[ServiceAudit]:
    found = await world.service.inspect(lambda book: book.audit(world.now))
    return found.services


async def test_what_had_no_room_is_unknown_and_not_lost(world: SpoolWorld) -> None:
    """The process filled the disk, and died: what may have ended among the lost is not blamed."""
    await world.start()
    process = world.process()
    process.order("open 1")
    await world.read_all()
    lock = world.directory / f"{process.name}.lock"
    assert lock.read_bytes() == NOTHING_LOST
    with lock.open("r+b") as file:  # as the process does when its closing finds no room
        file.write(Losses(highest=2, closings=1).words())
    process.kill()
    await world.read_all()
    totals = await world.totals()
    assert totals["unknown/evidence_lost/proven"] == 1
    assert "in_flight" not in totals
    (settled,) = world.store.settled.values()
    missing = settled.verdict.missing
    assert missing is not None
    assert (missing.first, missing.last, missing.settled_reported) == (2, 2, 1)


async def test_a_task_outlives_the_longest_life_while_its_lock_is_held(world: SpoolWorld) -> None:
    """The reader tells the book who lives; when the process is killed the lock says that, too."""
    world.limits = Limits(client_backoff_seconds=0.0, longest_life_seconds=60.0)
    await world.start(alive_seconds=1.0)
    process = world.process()
    process.order("open 1")
    await world.read_all()
    for _ in range(20):
        world.now += 30.0
        await world.read_all()
        assert (await world.totals())["in_flight"] == 1
    process.kill()
    await world.read_all()
    assert (await world.totals())["dropped/instance_lost/proven"] == 1


@pytest.mark.parametrize(("longest_life_seconds", "every"), [(3600.0, 10.0), (2.0, 2 / 3)])
def test_who_lives_is_told_of_before_the_longest_life_is_over(
    longest_life_seconds: float, every: float
) -> None:
    """However short that is; and no more often than is of use."""
    assert SpoolSettings.vouching_within(longest_life_seconds).alive_seconds == every


async def test_a_spool_gone_while_the_sidecar_was_away_is_no_proof(world: SpoolWorld) -> None:
    """The directory in memory went down with its host: inferred, and nobody waits for ever."""
    await world.start()
    process = world.process()
    process.order("open 2")
    await world.read_all()
    await world.stop()
    process.kill()
    _empty(world.directory)
    await world.start()
    await world.read_all()
    world.now += 60.0
    await world.service.spool_gone(b"somebody else's")  # wakes the writer: time has passed
    assert (await world.totals())["dropped/instance_lost/inferred"] == 2
    kinds = {settled.verdict.evidence[-1].kind for settled in world.store.settled.values()}
    assert kinds == {"spool_gone"}


def _empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


async def test_what_waited_for_room_and_was_written_is_not_held_against_it(
    world: SpoolWorld,
) -> None:
    """The lock file says so while lines wait in memory, and takes it back when there is room."""
    await world.start(alive_seconds=0.0)
    process = world.process()
    process.order("open 1")
    lock = world.directory / f"{process.name}.lock"
    for words in (Losses(highest=2, closings=1).words(), Losses().words()):
        with lock.open("r+b") as file:
            file.write(words)
        await world.read_all()
    process.order("close 1")
    process.order("open 1")
    process.kill()
    await world.read_all()
    totals = await world.totals()
    assert totals["completed/completed/observed"] == 1
    assert totals["dropped/instance_lost/proven"] == 1

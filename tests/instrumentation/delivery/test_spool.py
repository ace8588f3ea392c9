"""The spool, on real files: what is written, what is lost, and what comes back."""

import errno
import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from afterword import names
from afterword.delivery import directory as directories
from afterword.delivery.losses import Losses
from afterword.delivery.spool import SpoolDelivery
from afterword.evidence import Instance
from worlds.locks import is_held
from worlds.reporting import AT_NS, STREAM, end, envelope, opening, start, task
from worlds.scripted_sidecar import attributes

SECOND_NS = 1_000_000_000
KIB = 1024
ENV = {"PYTHONPATH": str(Path(__file__).parents[2])}


def spool(directory: Path, **limits: Any) -> SpoolDelivery:
    return SpoolDelivery(str(directory), STREAM, envelope(), **limits)


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.jsonl"))


def sequences(directory: Path) -> list[int]:
    """Of every whole line, in order; torn ones are passed over, as the sidecar does."""
    found = []
    for segment in segments(directory):
        for line in segment.read_bytes().split(b"\n"):
            try:
                scope = json.loads(line)["resourceLogs"][0]["scopeLogs"][0]
            except json.JSONDecodeError:
                continue
            [record] = scope["logRecords"]
            found.append(int(attributes(record)["deferred_task.sequence"]))
    return found


def test_each_record_is_a_line_before_send_returns(tmp_path: Path) -> None:
    """Directory, lock and segment come with the first record, not before; then a line a record."""
    place = tmp_path / "new"
    delivery = spool(place)
    assert not place.exists()
    begun = task(1, payload="[1]")
    delivery.opened(begun)
    assert sequences(place) == [1]
    delivery.started(start(begun, 2))
    assert sequences(place) == [1, 2]
    delivery.settled(end(begun, 3))
    assert sequences(place) == [1, 2, 3]
    names = sorted(path.name for path in place.iterdir())
    assert names == [f"{STREAM.hex()}.00000001.jsonl", f"{STREAM.hex()}.lock"]
    assert segments(place)[0].stat().st_mode & 0o777 == 0o600
    assert delivery.flush(0.0)
    delivery.close(0.0)


def test_a_task_is_spooled_though_its_process_is_killed(tmp_path: Path) -> None:
    """SIGKILL right after ``send`` takes nothing back, and the lock falls."""
    program = (
        "import os, sys, signal; from worlds.reporting import *;"
        "from afterword.delivery.spool import SpoolDelivery;"
        "SpoolDelivery(sys.argv[1], STREAM, envelope()).send(opening(1));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=ENV,
        check=False,
    )
    assert done.returncode == -9
    assert sequences(tmp_path) == [1]
    assert not is_held(tmp_path / f"{STREAM.hex()}.lock")


def test_segments_rotate_at_their_size(tmp_path: Path) -> None:
    """No segment grows past the limit by more than a line, and no line is torn between two."""
    delivery = spool(tmp_path, segment_bytes=4 * KIB)
    for number in range(1, 101):
        delivery.send(opening(number))
    assert sequences(tmp_path) == list(range(1, 101))
    sizes = [segment.stat().st_size for segment in segments(tmp_path)]
    assert len(sizes) > 10
    assert all(4 * KIB <= size < 6 * KIB for size in sizes[:-1])
    delivery.close(0.0)


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    """Eight threads through many rotations: every line whole, every record there once."""
    delivery = spool(tmp_path, segment_bytes=16 * KIB)
    start = threading.Barrier(8)

    def hammer(first: int) -> None:
        start.wait()
        for number in range(first, first + 500):
            delivery.send(opening(number))

    threads = [threading.Thread(target=hammer, args=(1 + 500 * each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sequences(tmp_path)) == list(range(1, 4001))
    lines = sum(segment.read_bytes().count(b"\n") for segment in segments(tmp_path))
    assert (lines, delivery.lost) == (4000, 0)
    delivery.close(0.0)


def test_a_finalizer_may_write_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """Garbage collected while a record is written tells its own end, and nothing locks up."""
    delivery = spool(tmp_path, segment_bytes=4 * KIB)
    told = []

    class Abandoned:
        def __init__(self, number: int) -> None:
            self.itself = self
            self.number = number

        def __del__(self) -> None:
            delivery.send(opening(self.number))
            told.append(self.number)

    before = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for number in range(1, 400, 2):
            Abandoned(number)
            delivery.send(opening(number + 1))
    finally:
        gc.set_threshold(*before)
        gc.collect()
    assert len(told) == 200
    assert sorted(sequences(tmp_path)) == list(range(1, 401))
    delivery.close(0.0)


def test_a_full_directory_sheds_and_recovers(tmp_path: Path, warnings: list[str]) -> None:
    """Over the total nothing is written; cleared, it goes on within a second; told once."""
    delivery = spool(tmp_path, segment_bytes=64 * KIB, total_bytes=128 * KIB)
    for number in range(1, 501):
        delivery.send(opening(number))
    kept = sequences(tmp_path)
    assert kept == list(range(1, len(kept) + 1))
    assert delivery.lost == 500 - len(kept) > 0
    (lock,) = tmp_path.glob("*.lock")  # it says so, in room that was there from the beginning
    assert lock.read_bytes() == Losses(500, 0).words()
    assert sum(segment.stat().st_size for segment in segments(tmp_path)) <= 128 * KIB
    assert not delivery.flush(0.0)
    for segment in segments(tmp_path):
        segment.unlink()
    delivery.send(opening(501))  # still within the second
    delivery.send(opening(502, at_ns=AT_NS + SECOND_NS))
    assert sequences(tmp_path) == [502]
    assert len(warnings) == 1
    assert "is one running on this directory?" in warnings[0]
    delivery.close(0.0)


def test_two_streams_share_the_total(tmp_path: Path) -> None:
    """A process that starts on a directory filled by others writes nothing."""
    first = spool(tmp_path, total_bytes=128 * KIB)
    for number in range(1, 501):
        first.send(opening(number))
    second = SpoolDelivery(str(tmp_path), b"2" * 16, envelope(b"2" * 16), total_bytes=128 * KIB)
    second.send(opening(1))
    assert second.lost == 1
    first.close(0.0)
    second.close(0.0)


def test_a_write_cut_short_costs_only_itself(tmp_path: Path) -> None:
    """A real short write, then EFBIG: the record goes to the next segment, nothing is lost."""
    delivery = spool(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        for number in range(1, 21):
            delivery.send(opening(number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sequences(tmp_path) == list(range(1, 21))
    assert len(segments(tmp_path)) > 2
    assert segments(tmp_path)[0].stat().st_size == 5000
    assert delivery.lost == 0
    delivery.close(0.0)


class FullDisk:
    """``os.write`` on a file system with so many bytes left. What is written is really written."""

    def __init__(self, room: int, number: int = errno.ENOSPC) -> None:
        self.room = room
        self.number = number
        self._write = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        if self.room == 0:
            raise OSError(self.number, os.strerror(self.number))
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_loses_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warnings: list[str], number: int
) -> None:
    """What memory has no room for either is lost; the torn piece stays behind in its segment."""
    delivery = spool(tmp_path, held_bytes=0)
    delivery.send(opening(1))
    disk = FullDisk(100, number)
    monkeypatch.setattr(os, "write", disk)
    delivery.send(opening(2))
    delivery.send(opening(3))
    assert delivery.lost == 2
    disk.room = 10**6
    delivery.send(opening(4))
    delivery.send(opening(5))
    assert sequences(tmp_path) == [1, 4, 5]
    first, second = [segment.read_bytes().splitlines() for segment in segments(tmp_path)]
    assert [len(line) for line in first][1:] == [100]
    assert len(second) == 2
    assert len(warnings) == 1
    delivery.close(0.0)


def test_what_a_full_disk_has_no_room_for_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written in its order when there is room: with the next record, or when asked for."""
    delivery = spool(tmp_path)
    delivery.send(opening(1))
    disk = FullDisk(100)
    monkeypatch.setattr(os, "write", disk)
    delivery.send(opening(2))
    delivery.send(opening(3))
    confirmed: list[bool] = []
    delivery.send_confirmed(opening(4), confirmed.append)
    assert (sequences(tmp_path), delivery.lost, confirmed) == ([1], 0, [False])
    assert not delivery.flush(0.0)
    lock = tmp_path / f"{STREAM.hex()}.lock"
    assert lock.read_bytes().split() == [b"4", b"0"], "should it be killed now"
    disk.room = 10**6
    delivery.send(opening(5))
    assert sequences(tmp_path) == [1, 2, 3, 4, 5]
    assert lock.read_bytes().split() == [b"0", b"0"]
    disk.room = 0
    delivery.send(opening(6))
    disk.room = 10**6
    assert delivery.flush(0.0)
    assert sequences(tmp_path) == [1, 2, 3, 4, 5, 6]
    delivery.close(0.0)


def test_a_disk_full_from_the_first_record_is_told_by_the_locks_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room for a single byte the empty lock file says what is gone; later its words do."""

    def no_room(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", no_room)
    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", no_room)
        delivery = spool(tmp_path, held_bytes=0)
        begun = task(1)
        delivery.opened(begun)
        delivery.settled(end(begun, 2))
        delivery.opened(task(7))
        lock = (tmp_path / f"{STREAM.hex()}.lock").stat()
        assert (lock.st_size, divmod(lock.st_mtime_ns, SECOND_NS)) == (0, (7, 1))
    monkeypatch.undo()
    delivery.send(opening(8, at_ns=AT_NS + 2 * SECOND_NS))
    assert sequences(tmp_path) == [8]
    lock_file = tmp_path / f"{STREAM.hex()}.lock"
    assert lock_file.read_bytes() == Losses(7, 1).words()
    assert lock_file.stat().st_mtime > names.SPOOL_TOLD_BY_TIME_BEFORE
    delivery.close(0.0)


def test_what_waits_is_bounded_and_the_last_chance_is_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound the newest are lost; what is kept is written when the stream ends."""
    delivery = spool(tmp_path, held_bytes=2000)
    delivery.send(opening(1))
    disk = FullDisk(0)
    monkeypatch.setattr(os, "write", disk)
    for number in range(2, 102):
        delivery.send(opening(number))
    kept = 100 - delivery.lost
    assert 0 < kept < 5
    disk.room = 10**6
    delivery.close(0.0)
    assert sequences(tmp_path) == list(range(1, 2 + kept))


def test_a_full_disk_is_given_its_segments_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is full is left for the sidecar to delete: one segment a second, none while empty."""
    delivery = spool(tmp_path, held_bytes=0)
    delivery.send(opening(1))
    disk = FullDisk(0)
    monkeypatch.setattr(os, "write", disk)
    for tenth in range(50):  # five seconds of it
        delivery.send(opening(2 + tenth, at_ns=AT_NS + tenth * SECOND_NS // 10))
    assert [segment.stat().st_size > 0 for segment in segments(tmp_path)] == [True, False]
    for tenth in range(50, 100):
        disk.room = 100 * (tenth % 2)  # a little is cleared, again and again, and taken at once
        delivery.send(opening(2 + tenth, at_ns=AT_NS + tenth * SECOND_NS // 10))
    assert len(segments(tmp_path)) == 2 + 5
    disk.room = 10**6
    delivery.send(opening(102, at_ns=AT_NS + 10 * SECOND_NS))
    assert sequences(tmp_path) == [1, 102]
    assert delivery.lost == 100
    delivery.close(0.0)


def test_a_file_that_fails_is_left_for_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    """After EIO one new segment is tried, then the spool rests for a second: no file a record."""
    delivery = spool(tmp_path)
    delivery.send(opening(1))
    monkeypatch.setattr(os, "write", FullDisk(0, errno.EIO))
    for number in range(2, 12):
        delivery.send(opening(number))
    assert len(segments(tmp_path)) == 2
    monkeypatch.undo()
    delivery.send(opening(12, at_ns=AT_NS + SECOND_NS))
    assert sequences(tmp_path) == [1, 12]
    assert delivery.lost == 10
    assert len(warnings) == 1
    delivery.close(0.0)


def test_a_removed_directory_is_made_again(tmp_path: Path) -> None:
    """Within a second it is noticed, and directory, lock and segment stand again."""
    place = tmp_path / "spool"
    delivery = spool(place)
    delivery.send(opening(1))
    shutil.rmtree(place)
    delivery.send(opening(2))  # into a file without a name
    delivery.send(opening(3, at_ns=AT_NS + SECOND_NS))
    assert sequences(place) == [3]
    assert lock_is_held(place)
    delivery.close(0.0)


@pytest.mark.parametrize("taken", ["*.lock", "*.jsonl", "*"])
def test_a_process_whose_files_were_taken_away_says_what_it_had_told(
    tmp_path: Path, taken: str
) -> None:
    """Its totals come first, once: so that nobody takes what is missing for what never was."""
    account = Instance(99, AT_NS, names.INSTANCE_BEAT, 7, 5)
    delivery = SpoolDelivery(str(tmp_path), STREAM, envelope(), account=lambda: account)
    delivery.send(opening(1))
    for file in tmp_path.glob(taken):
        file.unlink()
    for later in (1, 2):
        delivery.send(opening(1 + later, at_ns=AT_NS + later * SECOND_NS))
    assert sequences(tmp_path) == [1] * (taken == "*.lock") + [99, 2, 3]
    delivery.close(0.0)


def test_what_a_finalizer_tells_while_a_flush_writes_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that waited for room, and one that comes in between: each once, nothing raised."""
    delivery = spool(tmp_path)
    delivery.send(opening(1))
    disk = FullDisk(0)
    monkeypatch.setattr(os, "write", disk)
    for number in (2, 3):
        delivery.send(opening(number))
    disk.room = 10**6
    write, between = disk.__call__, iter([4])

    def with_a_finalizer(descriptor: int, data: bytes) -> int:
        for number in between:
            delivery.send(opening(number))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", with_a_finalizer)
    assert delivery.flush(0.0)
    assert sorted(sequences(tmp_path)) == [1, 2, 3, 4]
    delivery.close(0.0)


def test_a_process_without_descriptors_keeps_what_it_has_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first records wait in memory, and are written in their order when there are some."""

    def no_descriptor(*_arguments: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    delivery = spool(tmp_path)
    with monkeypatch.context() as exhausted:
        exhausted.setattr(os, "open", no_descriptor)
        for number in (1, 2):
            delivery.send(opening(number))
    delivery.send(opening(3, at_ns=AT_NS + SECOND_NS))
    assert (sequences(tmp_path), delivery.lost) == ([1, 2, 3], 0)
    delivery.close(0.0)


def test_a_removed_lock_file_is_made_again(tmp_path: Path) -> None:
    """A cleaner that takes old files must not make a living process look dead for long."""
    delivery = spool(tmp_path)
    delivery.send(opening(1))
    (tmp_path / f"{STREAM.hex()}.lock").unlink()
    delivery.send(opening(2, at_ns=AT_NS + SECOND_NS))
    assert sequences(tmp_path) == [1, 2]
    assert lock_is_held(tmp_path)
    delivery.close(0.0)


def lock_is_held(directory: Path) -> bool:
    """Asked by a process of its own: the holder must not open its lock file again."""
    program = "import sys; from pathlib import Path; from worlds.locks import is_held;"
    program += "sys.exit(not is_held(Path(sys.argv[1])))"
    path = directory / f"{STREAM.hex()}.lock"
    return (
        subprocess.run([sys.executable, "-c", program, path], env=ENV, check=False).returncode == 0
    )


def test_a_directory_that_cannot_be_is_told_once(tmp_path: Path, warnings: list[str]) -> None:
    """A file in the place of the directory: records are lost and counted, the host goes on."""
    place = tmp_path / "file"
    place.touch()
    delivery = spool(place / "spool")
    for second in range(3):
        delivery.send(opening(1 + second, at_ns=AT_NS + second * SECOND_NS))
    assert delivery.lost == 3
    assert len(warnings) == 1
    assert not delivery.flush(0.0)
    delivery.close(0.0)


def test_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    """No file is made where locks mean nothing; the warning says what to do."""
    table = f"1 1 0:1 / {tmp_path} rw - nfs4 server:/x rw\n"
    monkeypatch.setattr(directories, "_mount_table", lambda: table)
    delivery = spool(tmp_path)
    delivery.send(opening(1))
    assert list(tmp_path.iterdir()) == []
    assert delivery.lost == 1
    assert "network file system (nfs4)" in warnings[0]
    assert "AFTERWORD_ENDPOINT" in warnings[0]


def test_a_closed_descriptor_is_replaced(tmp_path: Path) -> None:
    """A host that closes all descriptors loses no evidence, and its own files get none of ours."""
    delivery = spool(tmp_path / "spool")
    delivery.send(opening(1))
    descriptor = delivery._segments._descriptor
    os.close(descriptor)
    delivery.send(opening(2))
    assert sequences(tmp_path / "spool") == [1, 2]
    theirs = os.open(tmp_path / "theirs", os.O_CREAT | os.O_RDWR)
    os.dup2(theirs, delivery._segments._descriptor)
    delivery.send(opening(3, at_ns=AT_NS + SECOND_NS))
    assert sequences(tmp_path / "spool") == [1, 2, 3]
    assert (tmp_path / "theirs").read_bytes() == b""
    delivery.close(0.0)
    os.close(theirs)


FORKING = """
import os, sys
from contextlib import suppress
from worlds.reporting import *
from afterword.delivery.spool import SpoolDelivery

def open_files():
    for descriptor in range(3, 256):
        with suppress(OSError):
            yield os.readlink(f"/proc/self/fd/{descriptor}")

delivery = SpoolDelivery(sys.argv[1], STREAM, envelope())
delivery.send(opening(1))
with delivery._segments._lock:  # as another thread of the parent might hold it
    child = os.fork()
    if child == 0:
        delivery.abandon()
        os._exit(any(sys.argv[1] in name for name in open_files()))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
delivery.send(opening(2))
print("written", flush=True)
sys.stdin.readline()
delivery.close(0.0)
print("closed", flush=True)
sys.stdin.readline()
"""


def test_a_forked_child_leaves_the_parents_spool_alone(tmp_path: Path) -> None:
    """The child closes what it inherited, though the lock was taken; the parent writes on."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENV,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"written\n"
        assert sequences(tmp_path) == [1, 2]
        assert is_held(tmp_path / f"{STREAM.hex()}.lock")
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == b"closed\n"
        assert not is_held(tmp_path / f"{STREAM.hex()}.lock")


def test_what_comes_after_the_end_is_lost_and_counted(tmp_path: Path) -> None:
    """A task that outlives ``close`` harms nobody."""
    delivery = spool(tmp_path)
    delivery.send(opening(1))
    delivery.close(0.0)
    delivery.send(opening(2))
    assert (delivery.lost, sequences(tmp_path)) == (1, [1])


def test_a_crowd_of_dead_processes_leaves_room_for_a_living_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside 1,000 dead streams, small segments still cost one scan of the directory a second."""
    for number in range(1000):
        (tmp_path / f"{number:032x}.lock").touch()
        (tmp_path / f"{number:032x}.00000001.jsonl").write_bytes(b"{}\n")
    scans = 0

    def counted(path: str) -> directories.Usage:
        nonlocal scans
        scans += 1
        return scan(path)

    scan = directories.usage
    monkeypatch.setattr(directories, "usage", counted)
    delivery = spool(tmp_path, total_bytes=64 * KIB * KIB)
    for number in range(1, 1001):
        delivery.send(opening(number))
    delivery.close(0.0)
    ours = list(tmp_path.glob(f"{STREAM.hex()}.*.jsonl"))
    assert len(ours) > 5
    assert sum(segment.read_bytes().count(b"\n") for segment in ours) == 1000
    assert (delivery.lost, scans) == (0, 1)

"""Who holds a lock, asked of real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from afterword_sidecar.spool.directory import SpoolDirectory
from afterword_sidecar.spool.layout import lock_name
from afterword_sidecar.spool.locks import Lock, LockWatch
from worlds.spool import SpoolProcess


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[SpoolDirectory]:
    directory = SpoolDirectory.take(str(tmp_path / "spool"))
    yield directory
    directory.close()


@pytest.fixture
def process(directory: SpoolDirectory) -> Iterator[SpoolProcess]:
    process = SpoolProcess(Path(directory.path))
    process.order("open 1")
    yield process
    process.cleanup()


@pytest.mark.parametrize("descriptors", [0, 10])
def test_asking_tells_life_from_death_and_takes_nothing(
    directory: SpoolDirectory, process: SpoolProcess, descriptors: int
) -> None:
    """However often and through whichever descriptor it is asked, the lock stays the process's."""
    watch = LockWatch(directory, descriptors=descriptors)
    name = lock_name(process.name)
    assert [watch.ask(name) for _ in range(3)] == [Lock.HELD] * 3
    process.kill()
    assert [watch.ask(name) for _ in range(2)] == [Lock.FALLEN] * 2
    directory.remove(name)
    assert watch.ask(name) is Lock.ABSENT
    watch.close()


def test_a_forked_child_does_not_keep_its_parent_alive(
    directory: SpoolDirectory, process: SpoolProcess
) -> None:
    """The child holds its own lock and not the inherited one."""
    watch = LockWatch(directory, descriptors=10)
    _, child = process.fork()
    process.kill()
    assert watch.ask(lock_name(process.name)) is Lock.FALLEN
    assert watch.ask(lock_name(child)) is Lock.HELD
    watch.close()


def test_the_trap_of_posix_locks_is_real(directory: SpoolDirectory, process: SpoolProcess) -> None:
    """Why nobody may open a lock file in the process that holds it: closing it lets the lock go."""
    watch = LockWatch(directory, descriptors=10)
    process.order("trap")
    assert watch.ask(lock_name(process.name)) is Lock.FALLEN
    watch.close()


def test_a_lock_made_anew_under_its_name_counts(
    directory: SpoolDirectory, process: SpoolProcess
) -> None:
    """Where somebody deleted the files of a living process, it locks new ones; it is not dead."""
    watch = LockWatch(directory, descriptors=10)
    name = lock_name(process.name)
    assert watch.ask(name) is Lock.HELD
    directory.remove(name)
    assert watch.ask(name) is Lock.HELD  # the old file, still open here and there
    process.order("later")  # it looks after its files once a second
    assert watch.ask(name) is Lock.HELD
    watch.close()


def test_what_cannot_be_asked_is_unknown(directory: SpoolDirectory) -> None:
    """A FIFO, a link or a directory with a lock's name neither hangs nor counts as dead."""
    watch = LockWatch(directory, descriptors=10)
    names = [lock_name(f"{number:032x}") for number in range(3)]
    paths = [Path(directory.path) / name for name in names]
    os.mkfifo(paths[0])
    paths[1].symlink_to("/etc/passwd")
    paths[2].mkdir()
    assert [watch.ask(name) for name in names] == [Lock.UNKNOWN] * 3
    watch.close()


def test_the_limit_on_descriptors_is_raised(directory: SpoolDirectory) -> None:
    """A process that may have few descriptors asks for more, and leaves some for others."""
    code = (
        "import resource\n"
        "from afterword_sidecar.spool.locks import descriptors_for_locks\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2048))\n"
        "print(descriptors_for_locks(), *resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["1536", "2048", "2048"]


def test_a_second_sidecar_is_told_who_has_the_directory(directory: SpoolDirectory) -> None:
    """It fails at once, and the error names the process that reads the directory."""
    code = (
        "import sys\n"
        "from afterword_sidecar.spool.directory import SpoolDirectory\n"
        "SpoolDirectory.take(sys.argv[1])\n"
    )
    second = subprocess.run(
        [sys.executable, "-c", code, directory.path], capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert f"another sidecar (process {os.getpid()}) reads it; stop that one" in second.stderr
    assert "a directory of its own" in second.stderr

"""The lock that tells whether a process lives, with real processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from afterword.delivery.lock import StreamLock
from worlds.locks import is_held

HOLDER = """
import os, sys
from afterword.delivery.lock import StreamLock
lock = StreamLock.acquire(sys.argv[1], "ab", 0o600)
child = os.fork()
if child == 0:
    if sys.argv[2] == "abandons":
        lock.close()
    print(os.getpid(), flush=True)
    sys.stdin.read()
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("child", ["abandons", "keeps"])
def test_lock_falls_with_its_process_and_not_with_a_forked_child(
    tmp_path: Path, child: str
) -> None:
    """A child that closes the inherited descriptor drops nothing; one that keeps it has nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), child],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        child_pid = int(holder.stdout.readline())
        assert is_held(tmp_path / "ab.lock")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        os.kill(child_pid, 0)  # the child lives
        assert not is_held(tmp_path / "ab.lock")


def test_visible_name_is_locked_name(tmp_path: Path) -> None:
    """Nothing hidden is left, permissions do not depend on the umask, and exec inherits nothing."""
    before = os.umask(0o077)
    try:
        lock = StreamLock.acquire(str(tmp_path), "ab", 0o660)
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir()] == ["ab.lock"]
    assert (tmp_path / "ab.lock").stat().st_mode & 0o777 == 0o660
    assert lock.stands()
    assert not os.get_inheritable(lock._descriptor)
    lock.close()
    assert not lock.stands()


def test_a_failed_acquisition_leaves_nothing(tmp_path: Path) -> None:
    """Where the name cannot be given, no hidden file and no descriptor remain."""
    (tmp_path / "ab.lock").mkdir()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="directory"):
        StreamLock.acquire(str(tmp_path), "ab", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["ab.lock"]
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_a_reused_descriptor_is_left_alone(tmp_path: Path) -> None:
    """A host that closed all descriptors may have its own file under our number by now."""
    lock = StreamLock.acquire(str(tmp_path), "ab", 0o600)
    other = os.open(tmp_path / "theirs", os.O_CREAT | os.O_RDWR)
    os.dup2(other, lock._descriptor)
    assert not lock.stands()
    lock.close()
    assert os.fstat(lock._descriptor).st_ino == os.fstat(other).st_ino
    os.close(lock._descriptor)
    os.close(other)

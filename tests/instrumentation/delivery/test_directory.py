"""The spool directory: what is refused, what is shared, what is left."""

from pathlib import Path

import pytest

from afterword.delivery.directory import Usage, file_mode, network_file_system, prepare, usage
from afterword.delivery.segments import LEAST_SEGMENT_BYTES, allowance

MIB = 1024 * 1024


def mount(point: str, kind: str, optional: str = "shared:1 ") -> str:
    return f"36 35 98:0 / {point} rw,noatime {optional}- {kind} /dev/x rw\n"


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (mount("/", "ext4") + mount("/srv", "nfs4"), "nfs4"),
        (mount("/", "nfs") + mount("/srv", "tmpfs"), ""),
        (mount("/srv/spool", "cifs", "") + mount("/", "ext4"), "cifs"),
        (mount("/srv", "nfs") + mount("/srv", "ext4"), ""),
        (mount("/srv/spoolx", "nfs") + mount("/", "overlay"), ""),
        (mount("/srv", "fuse.sshfs"), "fuse.sshfs"),
        ("garbage\n\n - \n", ""),
    ],
)
def test_network_file_systems_are_found(table: str, found: str) -> None:
    """The innermost, latest mount decides; a neighbour's name that begins alike does not."""
    assert network_file_system("/srv/spool", table) == found


def test_escaped_mount_points_are_read() -> None:
    r"""proc(5) writes a space in a path as ``\\040``."""
    assert network_file_system("/my spool/x", mount("/my\\040spool", "nfs")) == "nfs"


def test_new_directory_is_private_and_an_old_one_decides(tmp_path: Path) -> None:
    """Who makes the directory decides who may read payloads; the world never may."""
    fresh = tmp_path / "a" / "b"
    prepare(str(fresh), 0o700)
    assert fresh.stat().st_mode & 0o7777 == 0o700
    assert file_mode(str(fresh)) == 0o600
    fresh.chmod(0o777)
    prepare(str(fresh), 0o700)
    assert fresh.stat().st_mode & 0o7777 == 0o777
    assert file_mode(str(fresh)) == 0o660


def test_usage_counts_segments_and_streams(tmp_path: Path) -> None:
    """Segments weigh what the file system gives them; the sidecar's lock is no stream."""
    (tmp_path / "aa.00000001.jsonl").write_bytes(b"x" * 10_000)
    (tmp_path / "bb.00000001.jsonl").write_bytes(b"x")
    for name in ("aa.lock", "bb.lock", "sidecar.lock", "unrelated.txt"):
        (tmp_path / name).touch()
    found = usage(str(tmp_path))
    assert found.streams == 2
    assert 10_001 <= found.used_bytes <= 10_001 + 2 * MIB


def test_segments_shrink_as_the_directory_fills() -> None:
    """A full directory takes nothing, and crowds of processes share what is left."""
    assert allowance(Usage(0, 1), 4 * MIB, 256 * MIB) == 4 * MIB
    assert allowance(Usage(0, 512), 4 * MIB, 256 * MIB) == 256 * 1024
    assert allowance(Usage(250 * MIB, 300), 4 * MIB, 256 * MIB) == LEAST_SEGMENT_BYTES
    assert allowance(Usage(256 * MIB - 1000, 1), 4 * MIB, 256 * MIB) == 0
    assert allowance(Usage(300 * MIB, 1), 4 * MIB, 256 * MIB) == 0
    assert allowance(Usage(0, 0), 1000, 2000) == 1000

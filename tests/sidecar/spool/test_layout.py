"""Names, and where a spool may lie."""

from pathlib import Path

import pytest

from afterword_sidecar.spool import SpoolError, directory
from afterword_sidecar.spool.layout import (
    LOCK,
    SpoolFile,
    is_temporary,
    lock_name,
    parse,
    segment_name,
)
from afterword_sidecar.spool.mounts import file_system_type

STREAM = "0123456789abcdef" * 2
ARABIC_ONE = "\N{ARABIC-INDIC DIGIT ONE}"
MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:30 / /srv rw shared:2 - nfs4 server:/srv rw
41 40 0:31 / /srv/local\040disk rw - tmpfs tmpfs rw
42 22 0:32 / /over rw - tmpfs tmpfs rw
43 42 0:33 / /over rw - cifs //server/share rw
broken line
"""


def test_names_are_read_as_they_are_written() -> None:
    """A lock and segments of any number come back as what they were."""
    assert parse(lock_name(STREAM)) == SpoolFile(STREAM, LOCK)
    for number in (1, 99_999_999, 100_000_000):
        assert parse(segment_name(STREAM, number)) == SpoolFile(STREAM, number)
    assert is_temporary(f".{STREAM}.lock")


@pytest.mark.parametrize(
    "name",
    [
        "sidecar.lock",
        "",
        f"{STREAM}.00000000.jsonl",
        f"{STREAM}.000000001.jsonl",
        f"{STREAM}.1.jsonl",
        f"{STREAM}.lock.bak",
        f"{STREAM}.00000001.jsonl\n",
        f"{STREAM}.{ARABIC_ONE * 8}.jsonl",
        f"{STREAM.upper()}.lock",
        f"{STREAM}0.lock",
        f".{STREAM}.lock",
    ],
)
def test_other_names_are_foreign(name: str) -> None:
    """Nothing is taken for a stream's file that the writer would not have written."""
    assert parse(name) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/spool", "ext4"),
        ("/srv/spool", "nfs4"),
        ("/srv/local disk/spool", "tmpfs"),
        ("/srvother", "ext4"),
        ("/over", "cifs"),
        ("/", "ext4"),
    ],
)
def test_the_innermost_mount_tells_the_file_system(path: str, kind: str) -> None:
    """The longest mount point wins, of two on one the later, and a space in it is read."""
    assert file_system_type(path, MOUNTS) == kind


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what, where, and what to do instead; nothing is left held."""
    table = tmp_path / "mountinfo"
    table.write_text("22 1 0:30 / / rw - nfs4 server:/ rw\n")
    monkeypatch.setattr(directory, "_MOUNT_TABLE", table)
    with pytest.raises(SpoolError, match=r"cannot use spool directory .* nfs4, .* use a local"):
        directory.SpoolDirectory.take(str(tmp_path / "spool"))


def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    """A file in the way: operation, subject and hint are told."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"cannot open spool directory .*file/spool: Not a dir"):
        directory.SpoolDirectory.take(str(tmp_path / "file" / "spool"))

# Descriptors and stat results are the os module's; pathlib only wraps them.
# ruff: noqa: PTH101, PTH103, PTH112, PTH116, PTH123
"""The spool directory: may it be used, with which permissions, and how much is in it.

Locks are what tells a killed process, so a directory on a network file system is refused: there a
lock is another machine's business, or nobody's.
"""

import os
import re
from typing import Final, NamedTuple

from afterword import names
from afterword.delivery.errors import SpoolError

DEFAULT_DIRECTORY_MODE: Final = 0o700

_MOUNT_TABLE: Final = "/proc/self/mountinfo"
_MOUNT_POINT: Final = 4
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


class Usage(NamedTuple):
    """What a scan of the directory found."""

    used_bytes: int
    """Of all segments, as the file system counts it: a page of memory for the smallest one."""
    streams: int
    """Processes, alive or not yet cleared away, that share the directory."""


def prepare(directory: str, mode: int) -> None:
    """Make the directory if there is none (with ``mode``), and refuse one that cannot be trusted.

    An existing directory keeps its permissions. Raises ``SpoolError``, or ``OSError`` where the
    directory cannot be made.
    """
    if not os.path.isdir(directory):
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, mode)
    file_system = network_file_system(os.path.realpath(directory), _mount_table())
    if file_system:
        raise SpoolError(
            f"spool directory {directory!r} is on a network file system ({file_system}), where a "
            "lock does not tell that a process died; use a local directory, best one in memory, "
            "or deliver over HTTP (AFTERWORD_ENDPOINT)"
        )


def _mount_table() -> str:
    try:
        with open(_MOUNT_TABLE, encoding="utf-8", errors="surrogateescape") as table:
            return table.read()
    except OSError:
        return ""  # no Linux, or no /proc: nothing is known against the directory


def network_file_system(path: str, mount_table: str) -> str:
    """The type of the network file system that holds ``path``, or an empty string.

    ``path`` is absolute and resolved; ``mount_table`` is the text of ``/proc/self/mountinfo``
    (proc(5)). Of mounts on one point the last one counts.
    """
    best, found = "", ""
    for line in mount_table.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) <= _MOUNT_POINT:
            continue
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[_MOUNT_POINT])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, found = point, after.split(" ")[0]
    return found if found in names.NETWORK_FILE_SYSTEMS else ""


def file_mode(directory: str) -> int:
    """The permissions of files in the directory: its group's are theirs, others have none.

    So the one who makes the directory decides: ``0700`` for an application and a sidecar of one
    user, ``2770`` for two users with a common group. Payloads are nobody else's business.
    """
    return 0o600 | (os.stat(directory).st_mode & 0o060)


def usage(directory: str) -> Usage:
    """How much the directory holds now. Files that vanish meanwhile are not counted."""
    used = streams = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(names.SPOOL_SEGMENT_SUFFIX):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                used += max(status.st_size, status.st_blocks * 512)
            elif entry.name.endswith(names.SPOOL_LOCK_SUFFIX):
                streams += entry.name != names.SPOOL_SIDECAR_LOCK
    return Usage(used, streams)

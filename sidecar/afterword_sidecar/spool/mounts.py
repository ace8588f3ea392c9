"""Which file system a directory is on: record locks lie on network file systems. Pure."""

import re


def file_system_type(path: str, mountinfo: str) -> str:
    """The type of the file system that ``path`` (absolute, without links) is on; "" if unknown.

    ``mountinfo`` is the text of ``/proc/self/mountinfo`` (proc(5)). The longest mount point that
    holds the path wins, and of equal ones the last, as it was mounted over the others.
    """
    best, kind = "", ""
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) < 5:  # noqa: PLR2004 - mount point is the fifth field
            continue
        point = _unescape(fields[4])
        inside = point in {"/", path} or path.startswith(point + "/")
        if inside and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind


def _unescape(field: str) -> str:
    r"""Undo the kernel's ``\040`` for a space, and the like."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field)

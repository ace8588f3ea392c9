"""Which process holds a file, for the error message; as far as the system says."""

import os
from pathlib import Path
from typing import Final

_LOCKS: Final = Path("/proc/locks")
_SOMEBODY: Final = "another process"


def who_holds(path: Path) -> str:
    """``process 4711 (afterword)``, ``this process``, or ``another process`` if no more is known.

    Reads the kernel's table: to ask by ``fcntl`` would mean opening the file, and closing it again
    would drop this process's own locks.
    """
    try:
        status = path.stat()
        table = _LOCKS.read_text(encoding="ascii")
    except (OSError, ValueError):
        return _SOMEBODY
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    # "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 1073741824 1073741824"; waiters have "->" inside.
    for line in table.splitlines():
        fields = line.split()
        if file in fields and "->" not in fields and "POSIX" in fields:
            return _named(fields[fields.index(file) - 1])
    return _SOMEBODY


def _named(pid: str) -> str:
    if pid == str(os.getpid()):
        return "this process"
    if not pid.isdigit() or pid == "0":  # another pid namespace
        return _SOMEBODY
    try:
        name = Path("/proc", pid, "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({name})"

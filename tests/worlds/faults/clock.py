"""A clock that a row may set, for one process: what ``time.time`` says there, and nothing else.

A file of eight bytes holds the shift in seconds; a process that was started with it reads it at
every look at the clock. The instrumentation and the sidecar in it are the real ones.
"""

import mmap
import os
import struct
import sys
import time
from pathlib import Path
from typing import Final

VARIABLE: Final = "FAULTS_CLOCK"
_SHIFT: Final = struct.Struct("d")
_NS: Final = 1_000_000_000


class Clock:
    """The file, for whoever sets it."""

    def __init__(self, path: Path, shift_seconds: float = 0.0) -> None:
        self.path: Final = path
        path.write_bytes(_SHIFT.pack(shift_seconds))

    def set(self, shift_seconds: float) -> None:
        """From now on the clock is so much ahead (behind, where negative)."""
        with self.path.open("r+b") as file:
            file.write(_SHIFT.pack(shift_seconds))

    @property
    def environment(self) -> dict[str, str]:
        """For a process that shall go by it."""
        return {VARIABLE: str(self.path)}


def install() -> None:
    """Go by the clock that the environment names, if it names one. Before anything is imported."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    loaded = [name for name in sys.modules if name.partition(".")[0].startswith("afterword")]
    assert not loaded, f"{loaded} may have taken the clock already"
    with Path(path).open("r+b") as file:
        shift = mmap.mmap(file.fileno(), _SHIFT.size)
    true_time, true_time_ns = time.time, time.time_ns

    def shifted() -> float:
        return true_time() + float(_SHIFT.unpack_from(shift)[0])

    def shifted_ns() -> int:
        return true_time_ns() + int(_SHIFT.unpack_from(shift)[0] * _NS)

    time.time, time.time_ns = shifted, shifted_ns

"""Disks that can be full: a small file system, and what stands in where none is to be had.

To mount one takes a privilege that a container may not have. Then the kernel's limit on the size of
files stops the sidecar's writes, and the application's to its spool fail with the error of a full
disk (``apps/full_disk.py``).
"""

import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from worlds.faults.world import World

SMALL_BYTES: Final = 16 * 1024 * 1024
CHUNK_BYTES: Final = 4096
BALLAST: Final = "ballast"


class Disk(NamedTuple):
    """What can be done to it."""

    fill: Callable[[], object]
    """Leave no room."""
    clear: Callable[[], object]
    """There is room again."""
    program: str = "plain"
    """What is to run on it."""


def mounted(world: World, folder: Path) -> Disk | None:
    """A small file system at ``folder``; ``None`` where that is refused."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return None
    if done.returncode:
        return None
    world.cleared(lambda: subprocess.run(["umount", str(folder)], check=True))
    return Disk(lambda: _fill(folder / BALLAST), (folder / BALLAST).unlink)


def _fill(ballast: Path) -> None:
    descriptor = os.open(ballast, os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            os.write(descriptor, bytes(CHUNK_BYTES))
    except OSError:
        os.close(descriptor)


def limited(pid: Callable[[], int]) -> Disk:
    """No file of the process may grow, or be written beyond its first byte."""

    def limit(size: int) -> None:
        resource.prlimit(pid(), resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return Disk(lambda: limit(1), lambda: limit(resource.RLIM_INFINITY))


def pretended(folder: Path) -> Disk:
    """Writes below ``folder`` fail in a program that was told so, while the ballast is there."""
    ballast = folder.parent / BALLAST
    return Disk(ballast.touch, ballast.unlink, "full_disk")

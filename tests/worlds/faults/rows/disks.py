"""Full disks: a small file system of its own under the store, or under the spool."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Final

from worlds.faults.fault import BOTH, SPOOL, Case, Fault
from worlds.faults.mix import ENDING, WAITING
from worlds.faults.needs import CannotRunError
from worlds.faults.world import World

SMALL_BYTES: Final = 16 * 1024 * 1024
CHUNK_BYTES: Final = 4096


def small_disk(world: World, folder: Path) -> Path:
    """Mount a small file system at ``folder``. Raises ``CannotRunError``."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "none", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        raise CannotRunError(f"a full disk needs a small one, and {mounted.stderr.strip()}")
    world.cleared(lambda: subprocess.run(["umount", str(folder)], check=True))
    return folder


def fill(folder: Path) -> Path:
    """Leave no room there; the file that takes it."""
    ballast = folder / "ballast"
    descriptor = os.open(ballast, os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            os.write(descriptor, bytes(CHUNK_BYTES))
    except OSError:
        os.close(descriptor)
    return ballast


def under_the_store(world: World) -> Case:
    """The book cannot be written for a while; then there is room again."""
    disk = small_disk(world, world.folder / "disk")
    world.start_sidecar(database=disk / "book.db")
    app = world.start_app()
    mixed = list(world.mix(*ENDING, *WAITING).items())
    app.hand_over(dict(mixed[::2]))
    app.flush()
    ballast = fill(disk)
    app.hand_over(dict(mixed[1::2]))
    app.order("release")
    world.until(lambda: world.unready() == "store_failing", "the store is found to fail")
    ballast.unlink()
    app.flush()
    return Case(world.expected())


def under_the_spool(world: World) -> Case:
    """Evidence cannot be written for a while; then there is room again."""
    small_disk(world, world.spool)
    sidecar = world.start_sidecar()
    app = world.start_app()
    mixed = list(world.mix(*ENDING, *WAITING).items())
    app.hand_over(dict(mixed[::2]))
    sidecar.process.send_signal(signal.SIGSTOP)  # or it would make room
    ballast = fill(world.spool)
    app.hand_over(dict(mixed[1::2]))
    ballast.unlink()
    sidecar.process.send_signal(signal.SIGCONT)
    app.order("release")
    assert app.end() == 0
    return Case(world.expected())


ROWS = (
    Fault(
        name="full disk under the store",
        modes=(20,),
        deliveries=BOTH,
        does="the file system of the book has no byte left for a while",
        expects="each as it ended, once: evidence waits in the spool, or in the application",
        run=under_the_store,
    ),
    Fault(
        name="full disk under the spool",
        modes=(18, 20),
        deliveries=SPOOL,
        does="the file system of the spool has no byte left for a while",
        expects="each as it ended, once",
        run=under_the_spool,
    ),
)

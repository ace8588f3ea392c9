"""Full disks: under the store, and under the spool."""

import signal

from worlds.faults.fault import BOTH, SPOOL, Case, Fault
from worlds.faults.full_disk import limited, mounted, pretended
from worlds.faults.mix import ENDING, WAITING
from worlds.faults.truth import true_now
from worlds.faults.world import World


def under_the_store(world: World) -> Case:
    """The book cannot be written for a while; then there is room again."""
    folder = world.folder / "disk"
    disk = mounted(world, folder) or limited(lambda: world.sidecar.process.pid)
    world.start_sidecar(database=folder / "book.db")
    app = world.start_app()
    mixed = list(world.mix(*ENDING, *WAITING).items())
    app.hand_over(dict(mixed[::2]))
    app.flush()
    disk.fill()
    app.hand_over(dict(mixed[1::2]))
    app.order("release")
    world.until(lambda: world.unready() == "store_failing", "the store is found to fail")
    disk.clear()
    app.flush()
    return Case(world.expected(), held_up_until=true_now())


def under_the_spool(world: World) -> Case:
    """Evidence cannot be written for a while; then there is room again."""
    disk = mounted(world, world.spool) or pretended(world.spool)
    sidecar = world.start_sidecar()
    app = world.start_app(disk.program)
    mixed = list(world.mix(*ENDING, *WAITING).items())
    app.hand_over(dict(mixed[::2]))
    sidecar.process.send_signal(signal.SIGSTOP)  # or it would make room
    disk.fill()
    app.hand_over(dict(mixed[1::2]))
    disk.clear()
    sidecar.process.send_signal(signal.SIGCONT)
    app.order("release")
    assert app.end() == 0
    return Case(world.expected(), held_up_until=true_now())


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
        expects="each as it ended, once: evidence waits in the application's memory",
        run=under_the_spool,
    ),
)

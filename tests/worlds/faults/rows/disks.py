"""Full disks: under the store, and under the spool."""

import shutil
import signal
from itertools import count

from afterword.names import SPOOL_SIDECAR_LOCK
from worlds.faults import book
from worlds.faults.fault import (
    BOTH,
    EVIDENCE_LOST,
    LOST,
    SOME,
    SPOOL,
    Case,
    Expected,
    Fault,
    inferred,
    proven,
)
from worlds.faults.full_disk import limited, mounted, pretended
from worlds.faults.mix import ENDING, FOREVER, WAITING
from worlds.faults.rows.processes import gone
from worlds.faults.truth import Told, true_now
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


def full_from_the_start(world: World) -> Case:
    """Not one byte of evidence finds room; then the process is killed."""
    disk = mounted(world, world.spool) or pretended(world.spool)
    world.start_sidecar()
    disk.fill()
    app = world.start_app(disk.program)
    app.hand_over(world.mix(*ENDING, *FOREVER))
    world.until(lambda: not book.audited(world.sidecar.operators).trusted, "the audit misses it")
    app.kill()
    expected = world.expected(lambda _: gone(world, app))
    return Case(
        {number: each._replace(opening_may_die=True) for number, each in expected.items()},
        loses=SOME,
        safe=frozenset(),
    )


def taken_away(world: World) -> Case:
    """The directory is removed while all is open; then the application finds out, and goes on."""
    world.start_sidecar()
    app = world.start_app()
    mixed = world.mix(*WAITING, *FOREVER)
    app.hand_over(mixed)

    def are_known() -> bool:
        return sum(entry.starts or 0 for entry in world.book().values()) == len(mixed)

    world.until(are_known, "the book knows all of them, and that they began")
    locks = {path.name for path in world.spool.glob("*.lock")} - {SPOOL_SIDECAR_LOCK}
    is_lost = False
    for number in count(world.tasks + 1):
        if not is_lost:
            shutil.rmtree(world.spool)
        app.hand_over({number: "complete"})
        # It looks once a second, and while it writes: at once, where its last look was long ago.
        is_made_anew = all((world.spool / lock).exists() for lock in locks)
        if is_lost and is_made_anew:
            break
        is_lost = not is_made_anew
        world.pace()
    app.order("release")
    app.kill()

    def unended(_: Told) -> Expected:
        verdicts = (inferred(*LOST), inferred(*EVIDENCE_LOST), proven(*EVIDENCE_LOST))
        return gone(world, app)._replace(verdicts=frozenset(verdicts))

    expected = {
        number: each
        if number in mixed
        else each._replace(opening_may_die=True, closing_may_die=True, letter_kept=False)
        for number, each in world.expected(unended).items()
    }
    return Case(expected, loses=SOME, safe=frozenset(mixed))


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
    Fault(
        name="full disk from the start",
        modes=(15, 18),
        deliveries=SPOOL,
        does="the file system of the spool has no byte left before the application starts; then "
        "SIGKILL",
        expects="nothing of its tasks, which died in its memory; the audit trusts nobody's book",
        run=full_from_the_start,
    ),
    Fault(
        name="spool taken away",
        modes=(15, 18),
        deliveries=SPOOL,
        does="the directory is removed under tasks that are open; the application makes it anew "
        "and goes on, some tasks end, and then SIGKILL",
        expects="what ended after that as it ended; the rest inferred, or `unknown`/"
        "`evidence_lost`: nothing is proven across a hole, and the audit misses what was in it",
        run=taken_away,
    ),
)

"""Very many tasks at once, and tasks of very different length."""

from functools import partial
from typing import Final

from worlds.faults import crowd, tally
from worlds.faults.fault import BOTH, HTTP, Case, Expected, Fault
from worlds.faults.mix import mix
from worlds.faults.rows.processes import gone
from worlds.faults.truth import Told
from worlds.faults.world import LEASE_SECONDS, SHORT_LEASE, World

CROWD: Final = "crowd"
CROWD_OF_A_HUNDRED: Final = 100_000
"""How large the crowd is at N = 100; it grows with the square of N."""
ROOM: Final = {
    "AFTERWORD_BUFFER_MAX_BYTES": str(1 << 29),
    "AFTERWORD_SPOOL_MAX_BYTES": str(1 << 31),
}
CROWD_FLUSH_SECONDS: Final = 100.0
"""On a machine under load; on an idle one it takes a few."""
LEASE_OF_A_BUSY_PROCESS: Final = {"AFTERWORD_LEASE_SECONDS": "5"}
"""A loop that ends ninety thousand tasks at once leaves the thread that beats little time."""
SMALL_BUFFER_BYTES: Final = 64 * 1024
OVERFLOW_EACH: Final = 50
"""How many tasks there are for each of N: at N = 12 many times what the buffer holds."""
SHORTEST_SECONDS: Final = 0.0001
LONGEST_SECONDS: Final = 3 * LEASE_SECONDS


def hundred_thousand(world: World) -> Case:
    """All are in flight at once; nine of ten complete, and the process is killed over the rest."""
    world.start_sidecar()
    tasks = CROWD_OF_A_HUNDRED * world.tasks**2 // 100**2
    app = world.start_app("crowd", **LEASE_OF_A_BUSY_PROCESS, **ROOM)
    app.order("crowd", tasks=tasks)
    app.flush(CROWD_FLUSH_SECONDS)
    world.read_book = partial(crowd.read, name=CROWD, tasks=tasks)
    app.order("release")
    app.flush(CROWD_FLUSH_SECONDS)
    app.kill()

    def unended(_: Told) -> Expected:
        # Not timed: with a backlog, the book's time is that of the oldest evidence not yet in it.
        return gone(world, app)._replace(sealed_at=None)

    return Case(world.expected(unended))


def overflow(world: World) -> Case:
    """The sidecar is away until the buffer holds a fraction of what there is to tell."""
    world.start_sidecar()
    app = world.start_app("crowd", AFTERWORD_BUFFER_MAX_BYTES=str(SMALL_BUFFER_BYTES))
    tasks = OVERFLOW_EACH * world.tasks
    kinds = mix(range(1, tasks + 1), ("complete", "complete", "fail", "wait"), world.seed)
    waiting = {number: kind for number, kind in kinds.items() if kind == "wait"}
    app.order("alike", mix=waiting)
    app.flush()
    world.proxy.shut()
    app.order("alike", mix={number: kinds[number] for number in kinds if number not in waiting})
    app.order("release")
    world.proxy.reopen()
    app.flush()
    world.read_book = partial(tally.read, kinds=kinds)
    expected = world.expected()
    return Case({number: each._replace(letter_kept=False) for number, each in expected.items()})


def of_every_length(world: World) -> Case:
    """From a tenth of a millisecond to three leases; nothing ends any of them."""
    world.start_sidecar()
    app = world.start_app("lengths", **SHORT_LEASE)
    app.order(
        "hand_over",
        tasks=world.tasks,
        seed=world.seed,
        between=(SHORTEST_SECONDS, LONGEST_SECONDS),
    )
    app.flush()
    return Case(world.expected())


ROWS = (
    Fault(
        name="100,000 tasks in flight",
        modes=(15,),
        deliveries=BOTH,
        does="so many (at N = 100) are in flight at once; nine of ten complete, then SIGKILL",
        expects="each as it ended; the rest lost, each dead letter with its own payload",
        run=hundred_thousand,
    ),
    Fault(
        name="buffer overflow",
        modes=(18, 20),
        deliveries=HTTP,
        does="the sidecar is away while 50 N tasks begin or end; the buffer holds 64 KiB",
        expects="every task counted as it ended; details are shed: not every failure has a letter",
        run=overflow,
    ),
    Fault(
        name="success of every length",
        modes=(17, 18),
        deliveries=BOTH,
        does="tasks that take from 0.1 ms to three leases of their process, spread by the seed",
        expects="`completed`, and never an alarm",
        run=of_every_length,
    ),
)

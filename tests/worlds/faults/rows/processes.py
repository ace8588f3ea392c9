"""Processes that end without a word."""

from worlds.faults.fault import (
    ALL,
    EXPIRED,
    LOST,
    Case,
    Expected,
    Fault,
    expect,
    inferred,
    proven,
)
from worlds.faults.mix import ENDING, FOREVER
from worlds.faults.truth import Told
from worlds.faults.world import LONGEST_LIFE_SECONDS, World


def gone(world: World, died_at: float | None) -> Expected:
    """What is expected of a task whose process died over it, all of its evidence delivered."""
    if world.by_spool:
        return expect(proven(*LOST), sealed_at=died_at)
    return expect(inferred(*EXPIRED), sealed_at=died_at)


def kill_the_app(world: World) -> Case:
    """All evidence is safe: by spool at once, over HTTP after a flush."""
    world.start_sidecar(longest_life=LONGEST_LIFE_SECONDS)
    app = world.start_app()
    app.hand_over(world.mix(*ENDING, *FOREVER))
    app.flush()
    app.kill()

    def unended(_: Told) -> Expected:
        return gone(world, app.ended_at)

    return Case(world.expected(unended))


ROWS = (
    Fault(
        name="kill -9 of the app",
        modes=(15, 16),
        deliveries=ALL,
        does="SIGKILL when all evidence has left; over HTTP after a flush",
        expects="what had ended as it ended; the rest `dropped`/`instance_lost`, proven, by spool, "
        "`expired`, inferred, over HTTP without a lease",
        run=kill_the_app,
    ),
)

"""Clocks that are wrong, and clocks that are set."""

import random
from typing import Final

from worlds.faults.clock import Clock
from worlds.faults.fault import BOTH, HTTP, OVERDUE, Case, Expected, Fault, inferred
from worlds.faults.mix import ENDING, WAITING
from worlds.faults.rows.freezing import overdue_at
from worlds.faults.rows.processes import gone
from worlds.faults.world import NO_LEASE, SHORT_LEASE, World

HOUR_SECONDS: Final = 3600.0
DEADLINE_SECONDS: Final = 2.0
FAR_DEADLINE_SECONDS: Final = 60.0
JUMPS: Final = (HOUR_SECONDS, 0.0, -HOUR_SECONDS, 0.0)


def skewed(world: World) -> Case:
    """The application's clock is an hour off: ahead or behind, half of its tasks each."""
    world.start_sidecar()
    mixed = list(world.mix("complete", "fail", "hang", "wait").items())
    half = len(mixed) // 2
    for shift, share in ((HOUR_SECONDS, mixed[:half]), (-HOUR_SECONDS, mixed[half:])):
        clock = Clock(world.folder / f"clock{shift}", shift)
        app = world.start_app(**NO_LEASE, **clock.environment)
        app.hand_over(dict(share), deadline_seconds=DEADLINE_SECONDS)
        app.order("release")
        app.flush()
    return Case(world.expected(lambda task: overdue_at(task, inferred(*OVERDUE))))


def jumping(world: World) -> Case:
    """The machine's clock is put an hour ahead, back, an hour back, and right again."""
    clock = Clock(world.folder / "clock")
    world.start_sidecar(clock=clock)
    app = world.start_app(**NO_LEASE, **clock.environment)
    mixed = list(world.mix(*ENDING, *WAITING).items())
    part = -(-len(mixed) // len(JUMPS))
    for number, shift in enumerate(JUMPS):
        share = dict(mixed[number * part : (number + 1) * part])
        app.hand_over(share, deadline_seconds=FAR_DEADLINE_SECONDS)
        clock.set(shift)
        app.flush()
        world.pass_time(random.Random(world.seed + number).uniform(0.1, 0.3))
    app.order("release")
    app.flush()
    return _untimed(world.expected())


def killed_after_a_jump(world: World) -> Case:
    """The clock goes an hour back while tasks are open; then their process is killed."""
    clock = Clock(world.folder / "clock")
    world.start_sidecar(clock=clock)
    app = world.start_app(**SHORT_LEASE, **clock.environment)
    app.hand_over(world.mix(*ENDING, "hang"))
    app.flush()
    clock.set(-HOUR_SECONDS)
    app.kill()
    return _untimed(world.expected(lambda _: gone(world, app)))


def _untimed(expected: dict[int, Expected]) -> Case:
    """By a clock that was set, a time to verdict says nothing."""
    return Case({number: each._replace(sealed_at=None) for number, each in expected.items()})


ROWS = (
    Fault(
        name="clock an hour off",
        modes=(3, 17),
        deliveries=HTTP,
        does="one application's clock is an hour ahead of the sidecar's, another's an hour behind; "
        "a quarter of the tasks miss their deadlines",
        expects="each as it ended, and no alarm; the rest `timed_out`/`platform_deadline`, in time",
        run=skewed,
    ),
    Fault(
        name="clock that jumps",
        modes=(3, 17),
        deliveries=BOTH,
        does="the clock of application and sidecar is set an hour ahead, back, an hour back, and "
        "right again, under tasks with deadlines",
        expects="each as it ended, and no alarm",
        run=jumping,
    ),
    Fault(
        name="clock set back, then kill -9",
        modes=(15,),
        deliveries=("spool",),
        does="the clock is set back by an hour under open tasks, then their process is killed",
        expects="`dropped`/`instance_lost`, proven: a lock needs no clock",
        run=killed_after_a_jump,
    ),
)

"""One run: a fleet lives and dies, time passes, the book is compared task for task."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from worlds.simulation.fleet import FLEETS, Process
from worlds.simulation.judge import WrongVerdictError, judge
from worlds.simulation.reconciling import reconcile
from worlds.simulation.sidecar import LIMITS, Sidecar
from worlds.simulation.world import World

TASKS_PER_PROCESS = 2000
RATE = 40.0
"""Tasks a second in each process."""
AT_ONCE = 20
"""Processes that live at the same time."""


class Result(msgspec.Struct):
    """What a run came to."""

    tasks: int
    processes: int
    commits: int
    crashes: int
    kinds: Counter[str]


def simulate(
    seed: int,
    tasks: int,
    progress: Callable[[int], None] = lambda _done: None,
    journal: Path | None = None,
) -> Result:
    """Run until every task is accounted for. Raises if the book is ever wrong or out of balance."""
    world = World(seed)
    sidecar = Sidecar(world, crash_rate=0.0005, journal=journal)
    fleet = FLEETS[sidecar] = []
    each = min(TASKS_PER_PROCESS, max(50, tasks // 10))

    def keep_up_the_fleet() -> None:
        alive = [process for process in fleet if process.alive]
        if sum(len(process.tasks) for process in fleet) < tasks:
            fleet.extend(Process(world, sidecar, each, RATE) for _ in range(AT_ONCE - len(alive)))
            world.after(1.0, keep_up_the_fleet)

    keep_up_the_fleet()
    while any(process.alive for process in fleet) or _unread(fleet):
        for _ in range(5000):
            world.step()
        progress(sum(len(process.tasks) for process in fleet))
    horizon = world.now + LIMITS.longest_life_seconds + LIMITS.finality_seconds + 60
    while world.now < horizon:
        world.step()
    kinds: Counter[str] = Counter()
    for process in fleet:
        kinds.update(judge(process, sidecar.final))
    if sidecar.book is not None and (left := sidecar.book.view().open_tasks):
        raise WrongVerdictError(f"{left} tasks are in flight in the book, and none in the world")
    assert sidecar.book is not None
    reconcile(sidecar.book, fleet, sidecar.final, world.now)
    del FLEETS[sidecar]
    return Result(
        sum(len(process.tasks) for process in fleet),
        len(fleet),
        sidecar.commits,
        sidecar.crashes,
        kinds,
    )


def _unread(fleet: list[Process]) -> bool:
    return any(getattr(process.delivery, "fell_at", 1.0) == 0.0 for process in fleet)

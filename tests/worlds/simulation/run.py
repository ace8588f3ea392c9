"""One run: a fleet lives and dies, time passes, the book is compared task for task."""

from collections import Counter
from collections.abc import Callable

import msgspec

from worlds.simulation.fleet import FLEETS, Process
from worlds.simulation.judge import WrongVerdictError, judge
from worlds.simulation.sidecar import LIMITS, Sidecar
from worlds.simulation.world import World

TASKS_PER_PROCESS = 2000
RATE = 40.0
"""Tasks a second in each process."""
AT_ONCE = 20
"""Processes that live at the same time, about."""


class Result(msgspec.Struct):
    """What a run came to."""

    tasks: int
    processes: int
    commits: int
    crashes: int
    kinds: Counter[str]


def simulate(seed: int, tasks: int, progress: Callable[[int], None] = lambda _done: None) -> Result:
    """Run until every task is accounted for. Raises if the book is ever wrong or out of balance."""
    world = World(seed)
    sidecar = Sidecar(world, crash_rate=0.0005)
    fleet = FLEETS[sidecar] = []
    each = min(TASKS_PER_PROCESS, max(50, tasks // 10))
    planned = max(1, round(tasks / each))
    for number in range(planned):
        start = number // AT_ONCE * each / RATE + world.chance.uniform(0, 5)
        world.after(start, lambda: fleet.append(Process(world, sidecar, each, RATE)))
    kinds: Counter[str] = Counter()
    judged = born = 0
    while born < planned or any(process.alive for process in fleet) or _unread(fleet):
        for _ in range(5000):
            world.step()
        born = max(born, len(fleet))
        progress(sum(len(process.tasks) for process in fleet))
    horizon = world.now + LIMITS.longest_life_seconds + LIMITS.finality_seconds + 60
    while world.now < horizon:
        world.step()
    for process in fleet:
        kinds.update(judge(process, sidecar.final))
        judged += len(process.tasks)
    if sidecar.book is not None and (left := sidecar.book.view().open_tasks):
        raise WrongVerdictError(f"{left} tasks are in flight in the book, and none in the world")
    del FLEETS[sidecar]
    return Result(judged, len(fleet), sidecar.commits, sidecar.crashes, kinds)


def _unread(fleet: list[Process]) -> bool:
    return any(getattr(process.delivery, "fell_at", 1.0) == 0.0 for process in fleet)

"""Processes whose processor is taken away, and may be given back."""

from typing import Final

from worlds.faults.app_process import AppProcess
from worlds.faults.fault import (
    BOTH,
    HTTP,
    LOST,
    OVERDUE,
    Case,
    Expected,
    Fault,
    Verdict,
    expect,
    inferred,
    proven,
)
from worlds.faults.mix import WAITING
from worlds.faults.truth import Told
from worlds.faults.world import NO_LEASE, OVERDUE_SECONDS, SHORT_LEASE, World

DEADLINE_SECONDS: Final = 2.0
"""Time enough for word of what ends at once to arrive, on a slow machine too."""
FAR_DEADLINE_SECONDS: Final = 60.0
FROZEN_SECONDS: Final = 0.5


def overdue_at(task: Told, verdict: Verdict) -> Expected:
    """What is expected of a task that had a deadline, and has not ended."""
    return expect(verdict, sealed_at=task.deadline, promise_seconds=OVERDUE_SECONDS)


def _frozen(world: World, deadline_seconds: float | None, lease: dict[str, str]) -> AppProcess:
    """All tasks are under way, their evidence is delivered, and the process stands still."""
    world.start_sidecar()
    app = world.start_app(**lease)
    app.hand_over(world.mix(*WAITING), deadline_seconds=deadline_seconds)
    app.flush()
    app.freeze()
    return app


def _all_pronounced(world: World) -> None:
    world.until(
        world.all_pronounced,
        "the frozen process's tasks are pronounced upon",
    )


def _thawed(world: World, app: AppProcess, alarm: Verdict) -> Case:
    """It goes on, and its tasks end: each alarm is taken back."""
    app.thaw()
    app.order("release")
    app.flush()
    return Case(
        {
            number: each._replace(alarms=frozenset({alarm}))
            for number, each in world.expected().items()
        }
    )


def thawed_in_time(world: World) -> Case:
    """Frozen for a while; its tasks end long before their deadlines."""
    app = _frozen(world, FAR_DEADLINE_SECONDS, NO_LEASE)
    world.pass_time(FROZEN_SECONDS)
    app.thaw()
    app.order("release")
    app.flush()
    return Case(world.expected())


def thawed_too_late(world: World) -> Case:
    """Frozen until every task is pronounced overdue; then they end after all."""
    app = _frozen(world, DEADLINE_SECONDS, NO_LEASE)
    _all_pronounced(world)
    return _thawed(world, app, inferred(*OVERDUE))


def thawed_beyond_the_lease(world: World) -> Case:
    """A long-lived process that cannot keep its promise for a while."""
    app = _frozen(world, None, SHORT_LEASE)
    _all_pronounced(world)
    return _thawed(world, app, inferred(*LOST))


def never_thawed(world: World) -> Case:
    """Frozen past the deadlines, then killed as it is."""
    app = _frozen(world, DEADLINE_SECONDS, NO_LEASE)
    _all_pronounced(world)
    app.kill()
    overdue = proven(*OVERDUE) if world.by_spool else inferred(*OVERDUE)
    return Case(world.expected(lambda task: overdue_at(task, overdue)))


def deadline_passes(world: World) -> Case:
    """Nothing happens to the process, but half of its tasks do not end in time."""
    world.start_sidecar()
    app = world.start_app(**NO_LEASE)
    app.hand_over(world.mix("complete", "fail", "hang", "hang"), deadline_seconds=DEADLINE_SECONDS)
    app.flush()
    return Case(world.expected(lambda task: overdue_at(task, inferred(*OVERDUE))))


ROWS = (
    Fault(
        name="deadline passes",
        modes=(3,),
        deliveries=BOTH,
        does="tasks with a deadline hang; their process lives on",
        expects="`timed_out`/`platform_deadline`, inferred, a grace after the deadline",
        run=deadline_passes,
    ),
    Fault(
        name="frozen, thawed before the deadline",
        modes=(17,),
        deliveries=BOTH,
        does="SIGSTOP, half a second later SIGCONT",
        expects="each as it ended, and no alarm",
        run=thawed_in_time,
    ),
    Fault(
        name="frozen, thawed after the deadline",
        modes=(17,),
        deliveries=BOTH,
        does="SIGSTOP until all tasks are pronounced `timed_out`, then SIGCONT",
        expects="each as it ended; one alarm a task while frozen, taken back by one amendment",
        run=thawed_too_late,
    ),
    Fault(
        name="frozen past the deadline, then killed",
        modes=(3, 17),
        deliveries=BOTH,
        does="SIGSTOP until all tasks are pronounced `timed_out`, then SIGKILL",
        expects="`timed_out`/`platform_deadline`: proven by spool, inferred over HTTP",
        run=never_thawed,
    ),
    Fault(
        name="frozen beyond its lease, thawed",
        modes=(17,),
        deliveries=HTTP,
        does="SIGSTOP of a process that promised to beat, until its tasks are pronounced lost; "
        "then SIGCONT",
        expects="each as it ended; one alarm a task while frozen, taken back by one amendment",
        run=thawed_beyond_the_lease,
    ),
)

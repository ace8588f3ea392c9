"""Processes that end without a word."""

import random
import signal
from typing import Final

from worlds.faults import truth
from worlds.faults.app_process import AppProcess
from worlds.faults.fault import (
    ALL,
    BOTH,
    EXPIRED,
    HTTP,
    LOST,
    PROMISE_SECONDS,
    Case,
    Expected,
    Fault,
    expect,
    inferred,
    proven,
)
from worlds.faults.mix import ENDING, FOREVER, WAITING
from worlds.faults.truth import Told, true_now
from worlds.faults.world import (
    LAPSE_SECONDS,
    LONGEST_LIFE_SECONDS,
    NO_LEASE,
    SHORT_LEASE,
    World,
)

TRAFFIC_SECONDS: Final = 1.0
EXIT_CODE: Final = 3


def gone(world: World, app: AppProcess) -> Expected:
    """What is expected of a task whose process died over it, its evidence delivered."""
    return lost(world, app.ended_at)


def lost(world: World, at: float | None) -> Expected:
    """The same where it died at this time."""
    if world.by_spool:
        return expect(proven(*LOST), sealed_at=at)
    return expect(inferred(*LOST), sealed_at=at, promise_seconds=LAPSE_SECONDS)


def _gone_with(world: World, app: AppProcess) -> Case:
    return Case(world.expected(lambda _: gone(world, app)))


def in_memory(world: World, app: AppProcess) -> Case:
    """The same where evidence may have been in the buffer of the process.

    A durable task that had begun is in the book, whatever died with its process.
    """
    if world.by_spool:
        return _on_the_edge(world, app, world.expected(lambda _: gone(world, app)))
    told = truth.read(world.truth_path)
    return Case(
        {
            number: each._replace(
                opening_may_die=told[number].began_at is None or world.delivery != "durable",
                closing_may_die=True,
            )
            for number, each in world.expected(lambda _: gone(world, app)).items()
        },
        loses=None,
    )


def _on_the_edge(world: World, app: AppProcess, expected: dict[int, Expected]) -> Case:
    """Killed just after its last line: whether what that announces came to be, nobody can say."""
    event, number = truth.last_word(world.truth_path)
    last = expected[number]
    if event == "handed_over":
        expected[number] = last._replace(on_the_edge=True)
    elif event == "ended":
        either = last.verdicts | gone(world, app).verdicts
        expected[number] = last._replace(verdicts=either, sealed_at=None)
    return Case(expected)


def kill(world: World) -> Case:
    """All evidence is safe: by spool at once, over HTTP after a flush."""
    world.start_sidecar()
    app = world.start_app(**SHORT_LEASE)
    app.hand_over(world.mix(*ENDING, *FOREVER))
    app.flush()
    app.kill()
    return _gone_with(world, app)


def kill_without_a_lease(world: World) -> Case:
    """What may be frozen promises nothing, so only the longest life allowed can tell."""
    world.start_sidecar(longest_life=LONGEST_LIFE_SECONDS)
    app = world.start_app(**NO_LEASE)
    app.hand_over(world.mix(*ENDING, *FOREVER))
    app.flush()
    app.kill()

    def unended(task: Told) -> Expected:
        expected = expect(
            inferred(*EXPIRED),
            sealed_at=app.ended_at,
            promise_seconds=LONGEST_LIFE_SECONDS + PROMISE_SECONDS,
        )
        return expected._replace(due_at=task.handed_over_at + LONGEST_LIFE_SECONDS)

    return Case(world.expected(unended))


def kill_at_once(world: World) -> Case:
    """Nobody flushes: over HTTP, what came within the last moments is in the buffer."""
    world.start_sidecar()
    app = world.start_app(**SHORT_LEASE)
    app.hand_over(world.mix(*ENDING, *FOREVER))
    app.kill()
    return in_memory(world, app)


def kill_amid_traffic(world: World) -> Case:
    """Hand-overs evenly over a second; killed at a moment of the seed's."""
    world.start_sidecar()
    app = world.start_app(**SHORT_LEASE)
    mixed = world.mix(*ENDING, *FOREVER, *FOREVER)
    app.tell("hand_over_steadily", mix=mixed, seconds=TRAFFIC_SECONDS)
    share = random.Random(world.seed).uniform(0.4, 0.95)
    world.until(
        lambda: world.handed_over() >= max(1, int(share * world.tasks)), "so many are handed over"
    )
    app.kill()
    return in_memory(world, app)


def exit_at_once(world: World) -> Case:
    """``os._exit``: no ``finally``, no ``atexit``, no flush."""
    world.start_sidecar()
    app = world.start_app(**SHORT_LEASE)
    app.hand_over(world.mix(*ENDING, *FOREVER))
    app.flush()
    assert app.die("os_exit") == EXIT_CODE
    return _gone_with(world, app)


def crash(world: World) -> Case:
    """The interpreter reads where there is no memory: SIGSEGV, in the middle of Python code."""
    world.start_sidecar()
    app = world.start_app(**SHORT_LEASE)
    app.hand_over(world.mix(*ENDING, *FOREVER))
    app.flush()
    assert app.die("crash") == -signal.SIGSEGV
    return _gone_with(world, app)


def kill_both(world: World) -> Case:
    """Application and sidecar die together; the sidecar is started again."""
    sidecar = world.start_sidecar()
    app = world.start_app(**SHORT_LEASE)
    app.hand_over(world.mix(*ENDING, *FOREVER))
    app.flush()
    sidecar.kill()
    app.kill()
    world.restart_sidecar()
    return _gone_with(world, app)._replace(held_up_until=true_now())


def fork(world: World) -> Case:
    """A third of the tasks are a child's, who is killed; the parent's go on, and complete."""
    world.start_sidecar()
    app = world.start_app(**SHORT_LEASE)
    third = world.tasks // 3
    mixed = world.mix(*WAITING)
    childs = dict.fromkeys(list(mixed)[:third], "hang")
    app.hand_over({number: mixed[number] for number in mixed if number not in childs})
    child = app.order("fork", mix=childs)
    at = true_now()
    app.order("kill_child", pid=child)
    app.order("release")
    app.flush()
    return Case(world.expected(lambda _: lost(world, at)))


def fork_outlives(world: World) -> Case:
    """The parent is killed while a child that it forked lives on: a child holds no lock of it."""
    world.start_sidecar()
    app = world.start_app(**SHORT_LEASE)
    app.hand_over(world.mix(*FOREVER))
    app.flush()
    child = app.order("fork", mix={})
    world.cleared_of(child)
    app.kill()
    return _gone_with(world, app)


ROWS = (
    Fault(
        name="kill -9 of the app",
        modes=(15,),
        deliveries=ALL,
        does="SIGKILL when all evidence has left; over HTTP after a flush",
        expects="what had ended as it ended; the rest `dropped`/`instance_lost`: proven by spool, "
        "inferred from the lapsed lease over HTTP",
        run=kill,
    ),
    Fault(
        name="kill -9 of the app, no lease",
        modes=(15, 17),
        deliveries=HTTP,
        does="the same of a process that promises no beat, as a function that may be frozen",
        expects="the rest `dropped`/`expired`, inferred, when the longest life is over",
        run=kill_without_a_lease,
    ),
    Fault(
        name="kill -9 at once",
        modes=(15, 18),
        deliveries=ALL,
        does="SIGKILL with all hand-overs just made, and no flush",
        expects="as above; over HTTP what was never acknowledged died in the buffer, and with "
        "`durable` no task that had begun is absent",
        run=kill_at_once,
    ),
    Fault(
        name="kill -9 amid traffic",
        modes=(15, 18),
        deliveries=ALL,
        does="SIGKILL at a seeded moment, tasks being handed over evenly for a second",
        expects="the same",
        run=kill_amid_traffic,
    ),
    Fault(
        name="os._exit",
        modes=(16,),
        deliveries=BOTH,
        does="the process ends itself, no hook of Python's runs",
        expects="as for kill -9",
        run=exit_at_once,
    ),
    Fault(
        name="crash of the interpreter",
        modes=(16,),
        deliveries=BOTH,
        does="an invalid read in C code: SIGSEGV",
        expects="as for kill -9",
        run=crash,
    ),
    Fault(
        name="kill -9 of app and sidecar",
        modes=(15, 20),
        deliveries=ALL,
        does="both are killed, the sidecar is started again on its book",
        expects="as for kill -9 of the app",
        run=kill_both,
    ),
    Fault(
        name="fork with pending tasks",
        modes=(15,),
        deliveries=BOTH,
        does="a forked child hands over tasks of its own and is killed; its parent lives on",
        expects="the child's tasks lost; the parent's as they end, none of them twice",
        run=fork,
    ),
    Fault(
        name="fork outlives its parent",
        modes=(15,),
        deliveries=BOTH,
        does="a process with pending tasks is killed, a child that it forked lives on",
        expects="the parent's tasks lost all the same",
        run=fork_outlives,
    ),
)

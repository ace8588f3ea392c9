"""Vercel's production runtime: it starts deferred work after the response, and waits for it."""

import signal

from worlds.faults.fault import (
    BOTH,
    NO_CONTEXT,
    REFUSED,
    SHUTDOWN,
    SKIPPED,
    Case,
    Fault,
    expect,
)
from worlds.faults.mix import mix
from worlds.faults.rows.servers import case, stopped
from worlds.faults.servers.function import Function
from worlds.faults.world import World
from worlds.vercel_platform import PATIENCE_SECONDS

ENDING = ("wait_until complete", "wait_until fail", "wait_until raise_timeout", "own time_out")
HANGING = ("wait_until hang", "own hang")
WAITING = ("wait_until wait", "wait_until wait_and_fail", "own wait")


def function(world: World, variable: str = "app", **environment: str) -> Function:
    """A sidecar, and an instance that was not invoked yet."""
    world.start_sidecar()
    return Function(world, variable, **environment)


def terminate(world: World) -> Case:
    """The runtime waits for what was handed over to it, and forgets what else is on the loop."""
    instance = function(world)
    instance.invoke(world.mix("create_task hang", *WAITING, "create_task complete", *ENDING))
    instance.under_way()
    instance.platform.process.send_signal(signal.SIGTERM)
    world.until(instance.refuses, "the function takes no more requests")
    instance.release()
    assert instance.platform.process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    return case(world, stopped(world))


def hand_over_nowhere(world: World) -> Case:
    """From a thread of the loop's pool, which has no invocation: the SDK closes it in silence."""
    instance = function(world)
    orders = world.mix("executor complete", "executor hang", "wait_until complete")
    instance.platform.ended(instance.invoke(orders))
    return case(world, expect(NO_CONTEXT))


def hand_over_late(world: World) -> Case:
    """From a task that outlives its invocation: the runtime refuses."""
    instance = function(world)
    instance.platform.ended(instance.invoke(world.mix("late complete", "late hang")))
    instance.platform.ended(instance.invoke({}, then="late"))
    for number in world.numbers:
        instance.platform.logged(f"refused {number}:")
    return case(world, expect(REFUSED))


def exit_in_a_task(world: World) -> Case:
    """One task exits: the process ends, and the tasks of every invocation are cancelled."""
    instance = function(world)
    *others, last = world.numbers
    instance.invoke(mix(others, (*HANGING, *ENDING), world.seed))
    instance.under_way()
    instance.invoke({last: "wait_until exit"})
    instance.platform.process.wait(PATIENCE_SECONDS)
    return case(world, cancelled=SHUTDOWN)


def raise_in_the_handler(world: World) -> Case:
    """Handed-over work runs all the same; background tasks are forgotten."""
    instance = function(world)
    orders = world.mix("background complete", "background hang", *ENDING)
    instance.platform.ended(instance.invoke(orders, then="raise"))
    return case(world, expect(SKIPPED))


def nest(world: World) -> Case:
    """Each task hands over another, which runs when the whole batch of the first is over."""
    instance = function(world)
    instance.platform.ended(instance.invoke(world.mix("wait_until nest", *ENDING)))
    return case(world)


def hand_over_twice(world: World) -> Case:
    """The same awaitable: the runtime runs it once."""
    instance = function(world)
    instance.platform.ended(instance.invoke(world.mix("twice complete", "twice fail")))
    return case(world)


ROWS = (
    Fault(
        name="Vercel: SIGTERM",
        modes=(12,),
        deliveries=BOTH,
        does="SIGTERM with work pending, which then ends",
        expects="handed-over work as it ends; tasks of the loop `dropped`/`shutdown`",
        run=terminate,
    ),
    Fault(
        name="Vercel: no context",
        modes=(1,),
        deliveries=BOTH,
        does="`wait_until` outside of an invocation",
        expects="`dropped`/`no_context`",
        run=hand_over_nowhere,
    ),
    Fault(
        name="Vercel: refused",
        modes=(2,),
        deliveries=BOTH,
        does="`wait_until` after the invocation has ended",
        expects="`dropped`/`refused`",
        run=hand_over_late,
    ),
    Fault(
        name="Vercel: SystemExit in a task",
        modes=(7, 12),
        deliveries=BOTH,
        does="one task raises SystemExit",
        expects="that one `failed`; those of all invocations `dropped`/`shutdown`",
        run=exit_in_a_task,
    ),
    Fault(
        name="Vercel: handler raises",
        modes=(9,),
        deliveries=BOTH,
        does="the handler hands over, adds background tasks, and raises",
        expects="handed-over work as it ends; background tasks `dropped`/`skipped`",
        run=raise_in_the_handler,
    ),
    Fault(
        name="Vercel: nested",
        modes=(7,),
        deliveries=BOTH,
        does="tasks hand over tasks",
        expects="all as they end",
        run=nest,
    ),
    Fault(
        name="Vercel: the same awaitable twice",
        modes=(7,),
        deliveries=BOTH,
        does="each awaitable is handed over two times",
        expects="once in the book, as it ends",
        run=hand_over_twice,
    ),
)

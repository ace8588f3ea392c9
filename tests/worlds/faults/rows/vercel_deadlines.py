"""Vercel's deadline: what it cuts off, and what is frozen or killed before it."""

from functools import partial

from worlds.faults import truth
from worlds.faults.fault import (
    ALL,
    BOTH,
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
from worlds.faults.mix import mix
from worlds.faults.rows.servers import case
from worlds.faults.rows.vercel import ENDING, HANGING, WAITING, function
from worlds.faults.servers.function import DURATION_SECONDS, Function
from worlds.faults.truth import true_now
from worlds.faults.world import GRACE_SECONDS, OVERDUE_SECONDS, World

SECONDS, SECONDS_A_TASK = 1.0, 0.02
"""An invocation's maximum duration, where it is to pass: what ends by itself has ended long before,
unless the machine is slow."""


def seconds_of(world: World) -> float:
    """An invocation's maximum duration, for all of the row's tasks."""
    return SECONDS + SECONDS_A_TASK * world.tasks


def cut_off(world: World, instance: Function, deadline: float) -> Case:
    """Killed at its deadline, or as soon after it as all was under way.

    Over HTTP what was told in the last moments may not have left.
    """
    seen_at = true_now()
    instance.platform.kill_in(max(0.0, deadline - seen_at))
    instance.platform.killed()
    verdicts = [proven(*OVERDUE)] if world.by_spool else [inferred(*OVERDUE)]
    if true_now() > deadline + GRACE_SECONDS:  # a slow machine: the book may not have waited
        verdicts.append(inferred(*OVERDUE))
    judged = late(world, overdue(deadline, *verdicts), deadline, seen_at)
    if world.by_spool:
        return judged
    told = truth.read(world.truth_path)
    may_die = {
        number: each._replace(
            opening_may_die=told[number].began_at is None or world.delivery != "durable",
            closing_may_die=True,
        )
        for number, each in judged.expected.items()
    }
    return judged._replace(expected=may_die, loses=None)


def overdue(deadline: float, *verdicts: Verdict) -> Expected:
    """Of a task that had this deadline, and did not end."""
    return expect(*verdicts, sealed_at=deadline, promise_seconds=OVERDUE_SECONDS)


def late(world: World, unended: Expected, deadline: float, seen_at: float) -> Case:
    """What truly ended after its deadline may have been given up before.

    So may everything, if it was not ``seen_at`` a time when the book still waited: on a machine
    under load what is told before a deadline may arrive long after it.
    """
    alarms = frozenset({inferred(*OVERDUE)})
    told = truth.read(world.truth_path)
    all_late = seen_at > deadline + GRACE_SECONDS
    judged = case(world, unended)
    expected = {
        number: each._replace(due_at=deadline, alarms=alarms)
        if all_late or (told[number].ended_at or 0) > deadline
        else each._replace(due_at=deadline)
        for number, each in judged.expected.items()
    }
    return judged._replace(expected=expected, held_up_until=true_now())


def pass_the_deadline(world: World, *, variable: str) -> Case:
    """The platform kills the function at its deadline, with work that does not end."""
    instance = function(world, variable)
    seconds = seconds_of(world)
    deadline = true_now() + seconds
    instance.invoke(world.mix(*HANGING, *ENDING), seconds=seconds)
    instance.under_way()
    return cut_off(world, instance, deadline)


def hang_in_the_drain(world: World) -> Case:
    """One sibling hangs: the runtime logs nothing of those that failed, and is killed."""
    instance = function(world)
    *others, last = world.numbers
    seconds = seconds_of(world)
    deadline = true_now() + seconds
    instance.invoke({**mix(others, ENDING, world.seed), last: HANGING[0]}, seconds=seconds)
    instance.under_way()
    return cut_off(world, instance, deadline)


def hang_in_the_background(world: World) -> Case:
    """A background task of Starlette's hangs: no handed-over work of its invocation begins."""
    instance = function(world)
    first, *others = world.numbers
    seconds = seconds_of(world)
    deadline = true_now() + seconds
    orders = {first: "background hang", **mix(others, ENDING, world.seed)}
    instance.invoke(orders, seconds=seconds)
    instance.began([first])
    return cut_off(world, instance, deadline)


def kill_early(world: World) -> Case:
    """Out of memory, say: killed long before its deadline, when all it told had arrived."""
    instance = function(world)
    seconds = DURATION_SECONDS if world.by_spool else 2 * seconds_of(world)
    deadline = true_now() + seconds
    instance.invoke(world.mix(*HANGING, *ENDING), seconds=seconds)
    instance.under_way()
    instance.known()
    seen_at = true_now()
    at = instance.kill()
    if world.by_spool:
        return case(world, expect(proven(*LOST), sealed_at=at))
    unended = overdue(deadline, inferred(*OVERDUE))._replace(start_may_die=True)
    return late(world, unended, deadline, seen_at)


def freeze(world: World, *, thaws: bool) -> Case:
    """No processor from before the deadline until after it; then thawed, or killed as it is."""
    instance = function(world)
    seconds = seconds_of(world)
    deadline = true_now() + seconds
    instance.invoke(world.mix(*WAITING, *ENDING), seconds=seconds)
    instance.under_way()
    instance.known()
    seen_at = true_now()
    instance.freeze()
    told = truth.read(world.truth_path)
    frozen = [number for number, each in told.items() if not each.how]

    def are_given_up() -> bool:
        book = world.book()
        return all(book[number].settled for number in frozen)

    world.until(are_given_up, "the book has given up those that are frozen")
    unended = overdue(deadline, proven(*OVERDUE), inferred(*OVERDUE))
    if not thaws:
        instance.kill()
        may_die = unended._replace(start_may_die=not world.by_spool)
        return late(world, may_die, deadline, seen_at)
    instance.release()
    instance.platform.thaw()
    instance.ended(frozen)
    return late(world, unended, deadline, seen_at)


ROWS = (
    *(
        Fault(
            name=f"Vercel: deadline, {kind}",
            modes=(3,),
            deliveries=ALL if kind == "ASGI" else BOTH,
            does="the platform kills the function at its deadline, with tasks pending",
            expects="`timed_out`/`platform_deadline`; the others as they ended",
            run=partial(pass_the_deadline, variable=variable),
        )
        for kind, variable in (("ASGI", "app"), ("WSGI", "wsgi"), ("handler class", "handler"))
    ),
    Fault(
        name="Vercel: one sibling hangs",
        modes=(3, 7),
        deliveries=BOTH,
        does="one of many tasks hangs until the function is killed at its deadline",
        expects="`timed_out`/`platform_deadline` of that one; the others as they ended",
        run=hang_in_the_drain,
    ),
    Fault(
        name="Vercel: a background task hangs",
        modes=(3, 9),
        deliveries=BOTH,
        does="a background task of Starlette's keeps all handed-over work from starting",
        expects="`timed_out`/`platform_deadline` of all of them",
        run=hang_in_the_background,
    ),
    Fault(
        name="Vercel: SIGKILL before the deadline",
        modes=(15,),
        deliveries=ALL,
        does="SIGKILL long before the deadline, when all that was told had arrived",
        expects="`dropped`/`instance_lost`, proven, by spool; over HTTP nobody can tell a dead "
        "function from a frozen one: `timed_out`/`platform_deadline` at the deadline",
        run=kill_early,
    ),
    Fault(
        name="Vercel: frozen past the deadline, thawed",
        modes=(17,),
        deliveries=BOTH,
        does="SIGSTOP before the deadline, SIGCONT when the book has given the tasks up",
        expects="as they end, each alarm taken back by one amendment",
        run=partial(freeze, thaws=True),
    ),
    Fault(
        name="Vercel: frozen past the deadline for ever",
        modes=(17,),
        deliveries=BOTH,
        does="the same, and SIGKILL instead of SIGCONT",
        expects="`timed_out`/`platform_deadline`",
        run=partial(freeze, thaws=False),
    ),
)

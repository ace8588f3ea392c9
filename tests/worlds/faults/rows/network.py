"""What a network does between application and sidecar. There is none by spool."""

import random
from collections.abc import Callable
from typing import Final

from worlds.faults.app_process import AppProcess
from worlds.faults.fault import HTTP, OVERDUE, Case, Fault, inferred
from worlds.faults.mix import ENDING, FOREVER, WAITING
from worlds.faults.passed import numbers_in
from worlds.faults.proxy import Weather, fair
from worlds.faults.rows.processes import gone
from worlds.faults.truth import true_now
from worlds.faults.weather import (
    HalfOpen,
    Losing,
    StoreAndForward,
    black_hole,
    overloaded,
    resetting,
    slow,
    twice,
)
from worlds.faults.world import NO_LEASE, SHORT_LEASE, World

DEADLINE_SECONDS: Final = 1.0
COPIES: Final = 3


def _in_parts(world: World, app: AppProcess) -> None:
    """Hand over a fifth of the tasks and see them delivered, five times; then release them."""
    mixed = list(world.mix(*ENDING, *WAITING).items())
    fifth = -(-len(mixed) // 5)
    for first in range(0, len(mixed), fifth):
        app.hand_over(dict(mixed[first : first + fifth]))
        app.flush()
    app.order("release")
    app.flush()


def under(weather: Callable[[], Weather]) -> Callable[[World], Case]:
    """The row in which this weather lasts from beginning to end."""

    def run(world: World) -> Case:
        world.start_sidecar()
        world.proxy.turn(weather())
        _in_parts(world, world.start_app())
        return Case(world.expected(), held_up_until=true_now())

    return run


def _both_sides_of(world: World, begin: Callable[[], None], end: Callable[[], None]) -> Case:
    """Some tasks end before the partition, some within it, some after."""
    world.start_sidecar()
    app = world.start_app()
    mixed = list(world.mix(*ENDING, *WAITING).items())
    third = len(mixed) // 3
    app.hand_over(dict(mixed[:third]))
    app.flush()
    begin()
    app.hand_over(dict(mixed[third : 2 * third]))
    app.order("release")
    assert not app.order("flush", seconds=0.3), "delivered in spite of the partition"
    end()
    app.hand_over(dict(mixed[2 * third :]))
    app.order("release")
    app.flush()
    return Case(world.expected(), held_up_until=true_now())


def refused(world: World) -> Case:
    """Connections are refused for a while."""
    return _both_sides_of(world, world.proxy.shut, world.proxy.reopen)


def partition(world: World) -> Case:
    """Packets vanish for a while; what was sent arrives afterwards, as TCP sends it again."""
    return _both_sides_of(
        world, lambda: world.proxy.turn(black_hole), lambda: world.proxy.turn(fair)
    )


def partition_past_deadline(world: World) -> Case:
    """The tasks end in time, but word of it comes long after their deadlines."""
    world.start_sidecar()
    app = world.start_app(**NO_LEASE)
    app.hand_over(world.mix(*WAITING), deadline_seconds=DEADLINE_SECONDS)
    app.flush()
    world.proxy.turn(black_hole)
    app.order("release")
    world.until(
        world.all_pronounced,
        "the unreachable process's tasks are pronounced upon",
    )
    world.proxy.turn(fair)
    app.flush()
    alarm = frozenset({inferred(*OVERDUE)})
    expected = world.expected()
    return Case(
        {number: each._replace(alarms=alarm) for number, each in expected.items()},
        held_up_until=true_now(),
    )


def store_and_forward(world: World) -> Case:
    """All requests arrive when all is over: in any order, each up to three times."""
    collector = StoreAndForward()
    world.start_sidecar()
    world.proxy.turn(collector)
    _in_parts(world, world.start_app())
    chance = random.Random(world.seed)
    copies = [each for each in collector.kept for _ in range(chance.randint(1, COPIES))]
    chance.shuffle(copies)
    world.proxy.forward(copies)
    return Case(world.expected(), held_up_until=true_now())


def lossy(world: World) -> Case:
    """A collector says that it has what it has not; then the process dies over what is open."""
    collector = Losing()
    world.start_sidecar()
    world.proxy.turn(collector)
    app = world.start_app(**SHORT_LEASE)
    _in_parts(world, app)
    app.hand_over({world.tasks + 1: FOREVER[0]})
    app.flush()
    app.kill()
    may_be_lost = {
        number: each._replace(opening_may_die=True, closing_may_die=True, letter_kept=False)
        for number, each in world.expected(lambda _: gone(world, app)).items()
    }
    return Case(may_be_lost, loses=len(numbers_in(collector.lost)), held_up_until=true_now())


_AS_IT_ENDED: Final = "each as it ended, once, and no alarm"

ROWS = (
    Fault(
        name="connections refused for a while",
        modes=(20,),
        deliveries=HTTP,
        does="the sidecar's port is shut while tasks end, then opens",
        expects=_AS_IT_ENDED,
        run=refused,
    ),
    Fault(
        name="partition, healed",
        modes=(18, 20),
        deliveries=HTTP,
        does="nothing passes for a while, connections stay; what was sent arrives late",
        expects=_AS_IT_ENDED,
        run=partition,
    ),
    Fault(
        name="partition past the deadline",
        modes=(17, 18),
        deliveries=HTTP,
        does="tasks end in time behind a partition, which heals after their deadlines",
        expects="each as it ended; one alarm a task while unreachable, taken back by one amendment",
        run=partition_past_deadline,
    ),
    Fault(
        name="slow connections",
        modes=(18,),
        deliveries=HTTP,
        does="requests and answers take up to 0.15 s each, answers come in pieces",
        expects=_AS_IT_ENDED,
        run=under(lambda: slow),
    ),
    Fault(
        name="half-open connection",
        modes=(18,),
        deliveries=HTTP,
        does="a request is never answered, its connection never closed",
        expects=_AS_IT_ENDED,
        run=under(HalfOpen),
    ),
    Fault(
        name="resetting connections",
        modes=(18,),
        deliveries=HTTP,
        does="two of three requests are reset: before, within, or after the sidecar has committed",
        expects=_AS_IT_ENDED,
        run=under(lambda: resetting),
    ),
    Fault(
        name="overloaded gateway",
        modes=(18,),
        deliveries=HTTP,
        does="every other request is answered 429, 502 or 503, though half of those were stored",
        expects=_AS_IT_ENDED,
        run=under(lambda: overloaded),
    ),
    Fault(
        name="everything delivered twice",
        modes=(18,),
        deliveries=HTTP,
        does="each request reaches the sidecar twice",
        expects=_AS_IT_ENDED,
        run=under(lambda: twice),
    ),
    Fault(
        name="delivered late, in any order",
        modes=(18,),
        deliveries=HTTP,
        does="a collector acknowledges everything, and delivers it later: shuffled, up to three "
        "copies of each",
        expects=_AS_IT_ENDED,
        run=store_and_forward,
    ),
    Fault(
        name="acknowledged, and lost",
        modes=(18,),
        deliveries=HTTP,
        does="a collector acknowledges three requests amid the others, and loses them; at the end "
        "SIGKILL",
        expects="of what was lost nothing that is not so: absent, or inferred; the audit misses "
        "each number of it",
        run=lossy,
    ),
)

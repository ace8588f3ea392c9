"""hypercorn, whose master kills all workers as soon as one of them has ended."""

import signal

from worlds.faults.fault import BOTH, Case, Fault
from worlds.faults.rows.servers import (
    ENDING,
    HANGING,
    ON_THE_LOOP,
    WAITING,
    case,
    serving,
    started,
    stopped,
)
from worlds.faults.servers.commands import HYPERCORN, HYPERCORN_ALONE
from worlds.faults.world import World


def terminate(world: World) -> Case:
    """It waits for background tasks; then its loop cancels what is left."""
    server = serving(world, HYPERCORN_ALONE, (*ON_THE_LOOP, *WAITING, *ENDING))
    server.send(signal.SIGTERM)
    [worker] = server.workers()
    server.stops_listening(worker)
    server.release()
    server.gone()
    return case(world)


def time_out_gracefully(world: World) -> Case:
    """It cancels what is not over, before it ends the application."""
    command = (*HYPERCORN_ALONE, "--graceful-timeout", "1")
    server = serving(world, command, (*HANGING, *WAITING, *ENDING))
    server.send(signal.SIGTERM)
    server.gone()
    return case(world)


def terminate_beside_an_idle_one(world: World) -> Case:
    """The idle worker ends at once, and the busy one is killed 0.1 s later, never released."""
    server = started(world, HYPERCORN)
    on_the_loop = [kind for kind in (*ON_THE_LOOP, *WAITING, *ENDING) if "background" not in kind]
    *others, last = world.numbers
    connection = server.connection()  # one connection, and so one worker
    server.ask(connection, dict(zip(others, _dealt(on_the_loop, len(others)), strict=True)))
    server.ask(connection, {last: "background wait"})
    server.under_way()
    server.send(signal.SIGTERM)
    server.gone()
    connection.close()
    return case(world, stopped(world))


def _dealt(kinds: list[str], count: int) -> list[str]:
    return [kinds[number % len(kinds)] for number in range(count)]


ROWS = (
    Fault(
        name="hypercorn: SIGTERM, worker busy",
        modes=(12,),
        deliveries=BOTH,
        does="SIGTERM with background tasks under way that end before the server does",
        expects="background tasks as they end; the rest `dropped`/`shutdown`, observed",
        run=terminate,
    ),
    Fault(
        name="hypercorn: graceful time-out",
        modes=(13,),
        deliveries=BOTH,
        does="SIGTERM, and background tasks that do not end within the graceful time-out",
        expects="`dropped`/`shutdown`, observed",
        run=time_out_gracefully,
    ),
    Fault(
        name="hypercorn: SIGTERM, a worker idle",
        modes=(12, 14),
        deliveries=BOTH,
        does="the same with two workers, one of them idle: the busy one gets a SIGTERM of its own",
        expects="`dropped`/`shutdown`",
        run=terminate_beside_an_idle_one,
    ),
)

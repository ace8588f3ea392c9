"""uvicorn, alone and with workers."""

import signal
from collections.abc import Sequence
from functools import partial

from worlds.faults.fault import BOTH, DISCONNECTED, SKIPPED, Case, Fault, expect
from worlds.faults.mix import mix
from worlds.faults.rows.servers import (
    ENDING,
    HANGING,
    ON_THE_LOOP,
    WAITING,
    case,
    kill_a_worker,
    kill_the_master,
    serving,
    started,
    stopped,
)
from worlds.faults.servers.commands import UVICORN, UVICORN_WORKERS
from worlds.faults.world import World

STOPS = "Shutting down"


def terminate(world: World, command: Sequence[str]) -> Case:
    """It waits for background tasks, and forgets what else is on the loop."""
    server = serving(world, command, (*ON_THE_LOOP, *WAITING, *ENDING))
    server.send(signal.SIGTERM)
    server.says(STOPS)
    server.release()
    server.gone()
    return case(world, stopped(world))


def time_out_gracefully(world: World) -> Case:
    """It cancels the requests whose background tasks are not over, and forgets the rest."""
    command = (*UVICORN, "--timeout-graceful-shutdown", "1")
    server = serving(world, command, (*HANGING, *WAITING, *ENDING))
    server.send(signal.SIGTERM)
    server.gone()
    return case(world, stopped(world))


def recycle(world: World) -> Case:
    """The last request that it takes; then its loop cancels what is left."""
    command = (*UVICORN, "--limit-max-requests", str(world.tasks + 1))
    server = serving(world, command, (*ON_THE_LOOP, *WAITING, *ENDING))
    server.hand_over({})
    server.says(STOPS)
    server.release()
    server.gone()
    return case(world)


def stall(world: World) -> Case:
    """One task blocks a worker's loop; a thread answers when the master asks for its health."""
    server = started(world, UVICORN_WORKERS)
    *others, last = world.numbers
    server.hand_over_each(mix(others, (*WAITING, *ENDING), world.seed))
    server.under_way()
    stalled = server.hand_over({last: "background stall"})
    server.under_way()
    server.checked_on(stalled, 3)
    server.release()
    server.ended(world.numbers)
    return case(world)


def raise_in_the_handler(world: World) -> Case:
    """Background tasks are forgotten with the response that is not sent; the rest runs."""
    server = started(world, UVICORN)
    kinds = ("background complete", "background hang", "background_thread complete")
    mix = world.mix(*kinds, "create_task complete", "wait_until fail")
    for number, order in mix.items():
        server.hand_over({number: order}, then="raise")
    server.ended(number for number, order in mix.items() if order not in kinds)
    return case(world, expect(SKIPPED))


def raise_in_the_first(world: World) -> Case:
    """Each response has several background tasks, and the first of them raises."""
    server = started(world, UVICORN)
    kinds = ("background fail", "background complete", "background_thread complete")
    numbers = list(world.numbers)
    firsts = numbers[:: len(kinds)]
    for first in firsts:
        server.hand_over(dict(zip(range(first, numbers[-1] + 1), kinds, strict=False)))
    server.ended(firsts)
    return case(world, expect(SKIPPED))


def disconnect(world: World, *, middleware: str) -> Case:
    """Each client goes away once its answer is there and its task under way."""
    server = started(world, UVICORN, FAULTS_MIDDLEWARE=middleware)
    connections = []
    mix = world.mix("background wait", "background wait_and_fail", "background complete")
    for number, order in mix.items():
        connection = server.connection()
        server.ask(connection, {number: order})
        connections.append(connection)
    server.under_way()
    for connection in connections:
        connection.close()
    if middleware == "base_http":
        server.release()
    server.ended(mix)
    return case(world, cancelled=DISCONNECTED)


ROWS = (
    Fault(
        name="uvicorn: SIGTERM",
        modes=(12,),
        deliveries=BOTH,
        does="SIGTERM with background tasks under way that end before the server does",
        expects="background tasks as they end; what else is on the loop `dropped`/`shutdown`",
        run=partial(terminate, command=UVICORN),
    ),
    Fault(
        name="uvicorn --workers: SIGTERM",
        modes=(12,),
        deliveries=BOTH,
        does="the same, the signal to the master of two workers",
        expects="the same",
        run=partial(terminate, command=UVICORN_WORKERS),
    ),
    Fault(
        name="uvicorn: graceful time-out",
        modes=(13,),
        deliveries=BOTH,
        does="SIGTERM, and background tasks that do not end within the graceful time-out",
        expects="`dropped`/`shutdown`, observed of what it cancels",
        run=time_out_gracefully,
    ),
    Fault(
        name="uvicorn: max requests",
        modes=(12, 14),
        deliveries=BOTH,
        does="--limit-max-requests is reached with tasks under way",
        expects="background tasks as they end; the rest `dropped`/`shutdown`, observed",
        run=recycle,
    ),
    Fault(
        name="uvicorn --workers: blocked loop",
        modes=(14,),
        deliveries=BOTH,
        does="a task blocks its loop, while the master asks thrice whether the worker is alive",
        expects="nothing of it: tasks as they end",
        run=stall,
    ),
    Fault(
        name="uvicorn --workers: SIGKILL of a worker",
        modes=(15,),
        deliveries=BOTH,
        does="SIGKILL of a worker with tasks under way; over HTTP when all it told has arrived",
        expects="its tasks `dropped`/`instance_lost`, the other worker's as they end",
        run=partial(kill_a_worker, command=UVICORN_WORKERS),
    ),
    Fault(
        name="uvicorn --workers: SIGKILL of the master",
        modes=(15,),
        deliveries=BOTH,
        does="SIGKILL of the master with tasks under way in its workers",
        expects="nothing of it: tasks as they end",
        run=partial(kill_the_master, command=UVICORN_WORKERS),
    ),
    Fault(
        name="handler raises",
        modes=(9,),
        deliveries=BOTH,
        does="the handler adds a background task and raises",
        expects="`dropped`/`skipped`; tasks on the loop as they end",
        run=raise_in_the_handler,
    ),
    Fault(
        name="first background task raises",
        modes=(8,),
        deliveries=BOTH,
        does="responses with several background tasks, the first of which raises",
        expects="`failed`, and the others `dropped`/`skipped`",
        run=raise_in_the_first,
    ),
    Fault(
        name="client disconnects: BaseHTTPMiddleware",
        modes=(10,),
        deliveries=BOTH,
        does="the client goes away while its background task runs",
        expects="nothing of it: tasks as they end",
        run=partial(disconnect, middleware="base_http"),
    ),
    Fault(
        name="client disconnects: cancelling middleware",
        modes=(10,),
        deliveries=BOTH,
        does="the same under a middleware that cancels the request then",
        expects="`cancelled`/`disconnected`",
        run=partial(disconnect, middleware="cancel_on_disconnect"),
    ),
)

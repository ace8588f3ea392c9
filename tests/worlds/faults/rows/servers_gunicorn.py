"""gunicorn: with uvicorn's workers, and with its own synchronous ones."""

import signal
from collections.abc import Sequence
from functools import partial

from worlds.faults.fault import BOTH, Case, Fault
from worlds.faults.mix import mix
from worlds.faults.rows.servers import (
    ENDING,
    HANGING,
    IN_THREADS,
    ON_THE_LOOP,
    WAITING,
    case,
    kill_a_worker,
    kill_the_master,
    killed,
    serving,
    started,
    stopped,
)
from worlds.faults.servers.commands import (
    GUNICORN,
    GUNICORN_ALONE,
    GUNICORN_SYNC,
    GUNICORN_SYNC_ALONE,
)
from worlds.faults.truth import true_now
from worlds.faults.world import World

STOPS = "Shutting down"
WORKER_EXITS = "Worker exiting"
WORKERS = 2
GRACEFUL_SECONDS = "3"
"""For a worker to say what it leaves behind: on an idle machine it needs some milliseconds."""
ALIVE_SECONDS = "4"
"""Twice as long as a worker that is well may be silent by its own design."""
IMPORTED = "the application is imported"
"""What ``apps/web_wsgi.py`` says: its worker handles signals."""
UP = "Application startup complete"
"""A worker of uvicorn's handles signals: one that is stopped earlier dies in silence."""


def terminate(world: World) -> Case:
    """It waits for background tasks, and forgets what else is on the loop."""
    server = serving(world, GUNICORN, (*ON_THE_LOOP, *WAITING, *ENDING))
    server.says(UP, WORKERS)
    server.send(signal.SIGTERM)
    server.says(STOPS, WORKERS)
    server.release()
    server.gone()
    return case(world, stopped(world))


def replace_workers(world: World, *, by: signal.Signals) -> Case:
    """HUP stops all workers and starts new ones, TTOU stops one of them."""
    command = GUNICORN if by is signal.SIGHUP else GUNICORN_ALONE
    server = serving(world, command, (*ON_THE_LOOP, *WAITING, *ENDING))
    if by is signal.SIGTTOU:
        server.send(signal.SIGTTIN)  # it keeps one at least, and stops the oldest
        server.says("Booting worker", 2)
    server.send(by)
    server.says(STOPS)
    server.release()
    server.without(server.workers())
    return case(world, stopped(world))


def time_out_gracefully(
    world: World, command: Sequence[str], kinds: Sequence[str], up: str
) -> Case:
    """It kills the workers that are not done."""
    server = serving(world, (*command, "--graceful-timeout", GRACEFUL_SECONDS), kinds)
    server.says(up, WORKERS)
    server.known()
    server.send(signal.SIGTERM)
    server.gone()
    return case(world, stopped(world, killed=True))


def recycle(world: World) -> Case:
    """The last request a worker takes; then its loop cancels what is left."""
    command = (*GUNICORN_ALONE, "--max-requests", str(world.tasks + 1))
    server = serving(world, command, (*ON_THE_LOOP, *WAITING, *ENDING))
    server.hand_over({})
    server.says(STOPS)
    server.release()
    server.without(server.workers())
    return case(world)


def block(world: World) -> Case:
    """One task blocks its loop: the worker is taken for dead, and killed over all of its tasks."""
    command = (*GUNICORN_ALONE, "--preload", "--timeout", ALIVE_SECONDS)
    server = started(world, command)
    *others, last = world.numbers
    server.hand_over_each(mix(others, (*HANGING, *WAITING, *ENDING), world.seed))
    server.under_way()
    server.hand_over({last: "background block"})
    at = true_now()
    server.without(server.workers())
    return case(world, killed(world, at, true_now() - at))


def recycle_threads(world: World) -> Case:
    """Python waits for a worker's threads when it ends, and not for its daemon threads."""
    command = (*GUNICORN_SYNC_ALONE, "--max-requests", str(world.tasks + 1))
    server = serving(world, command, IN_THREADS)
    server.hand_over({})
    server.says(WORKER_EXITS)
    server.release()
    server.without(server.workers())
    return case(world, stopped(world))


def block_a_request(world: World) -> Case:
    """A request that does not end: the abort ends Python in the regular way, with its hooks."""
    command = (*GUNICORN_SYNC_ALONE, "--preload", "--timeout", ALIVE_SECONDS)
    server = serving(world, command, ("daemon hang", "daemon complete", "thread fail"))
    connection = server.connection()
    connection.request("GET", "/?then=block")
    connection.close()  # gunicorn would wait for it to be read, and kill the worker meanwhile
    server.without(server.workers())
    return case(world, stopped(world))


def terminate_threads(world: World) -> Case:
    """The same at a SIGTERM."""
    server = serving(world, GUNICORN_SYNC, IN_THREADS)
    server.says(IMPORTED, WORKERS)
    server.send(signal.SIGTERM)
    server.says(WORKER_EXITS, WORKERS)
    server.release()
    server.gone()
    return case(world, stopped(world))


ROWS = (
    Fault(
        name="gunicorn: SIGTERM",
        modes=(12,),
        deliveries=BOTH,
        does="SIGTERM to the master of two workers of uvicorn's, with tasks under way",
        expects="background tasks as they end; what else is on the loop `dropped`/`shutdown`",
        run=terminate,
    ),
    Fault(
        name="gunicorn: HUP",
        modes=(12,),
        deliveries=BOTH,
        does="HUP: workers are replaced",
        expects="the same",
        run=partial(replace_workers, by=signal.SIGHUP),
    ),
    Fault(
        name="gunicorn: TTOU",
        modes=(12,),
        deliveries=BOTH,
        does="TTOU: a worker less",
        expects="the same",
        run=partial(replace_workers, by=signal.SIGTTOU),
    ),
    Fault(
        name="gunicorn: graceful time-out",
        modes=(13, 15),
        deliveries=BOTH,
        does="SIGTERM, and background tasks that do not end within the graceful time-out: SIGKILL",
        expects="`dropped`/`shutdown`, as it was told when the SIGTERM came",
        run=partial(
            time_out_gracefully, command=GUNICORN, kinds=(*HANGING, *WAITING, *ENDING), up=UP
        ),
    ),
    Fault(
        name="gunicorn: max requests",
        modes=(14,),
        deliveries=BOTH,
        does="a worker is recycled with tasks under way",
        expects="background tasks as they end; the rest `dropped`/`shutdown`, observed",
        run=recycle,
    ),
    Fault(
        name="gunicorn: worker time-out",
        modes=(14, 15),
        deliveries=BOTH,
        does="a task blocks its loop, and the master aborts the worker",
        expects="all of its tasks, the blocking one too, `dropped`/`instance_lost`",
        run=block,
    ),
    Fault(
        name="gunicorn: SIGKILL of a worker",
        modes=(15,),
        deliveries=BOTH,
        does="SIGKILL of a worker with tasks under way",
        expects="its tasks `dropped`/`instance_lost`, the other worker's as they end",
        run=partial(kill_a_worker, command=GUNICORN),
    ),
    Fault(
        name="gunicorn: SIGKILL of the master",
        modes=(15,),
        deliveries=BOTH,
        does="SIGKILL of the master with tasks under way in its workers",
        expects="nothing of it: tasks as they end",
        run=partial(kill_the_master, command=GUNICORN),
    ),
    Fault(
        name="gunicorn sync: SIGTERM",
        modes=(14,),
        deliveries=BOTH,
        does="SIGTERM with work in threads and in daemon threads",
        expects="threads as they end; daemon threads `dropped`/`shutdown`",
        run=terminate_threads,
    ),
    Fault(
        name="gunicorn sync: graceful time-out",
        modes=(13, 14),
        deliveries=BOTH,
        does="SIGTERM, and threads that do not end within the graceful time-out: SIGKILL",
        expects="`dropped`/`shutdown`, as it was told when the SIGTERM came",
        run=partial(time_out_gracefully, command=GUNICORN_SYNC, kinds=IN_THREADS, up=IMPORTED),
    ),
    Fault(
        name="gunicorn sync: max requests",
        modes=(14,),
        deliveries=BOTH,
        does="a worker is recycled with work in threads and in daemon threads",
        expects="threads as they end; daemon threads `dropped`/`shutdown`",
        run=recycle_threads,
    ),
    Fault(
        name="gunicorn sync: worker time-out",
        modes=(14,),
        deliveries=BOTH,
        does="a request blocks its worker, and the master aborts it",
        expects="daemon threads `dropped`/`shutdown`",
        run=block_a_request,
    ),
    Fault(
        name="gunicorn sync: SIGKILL of a worker",
        modes=(15,),
        deliveries=BOTH,
        does="SIGKILL of a worker with threads at work",
        expects="its tasks `dropped`/`instance_lost`, the other worker's as they end",
        run=partial(
            kill_a_worker,
            command=GUNICORN_SYNC,
            kinds=("thread complete", "thread fail", "thread wait", "daemon wait"),
        ),
    ),
)

"""uWSGI, which forks after it has imported the application, and runs no hook of Python's then."""

import json
import signal
from functools import partial

from worlds.faults.fault import BOTH, NO_CONTEXT, Case, Fault, expect
from worlds.faults.rows.servers import (
    IN_THREADS,
    case,
    kill_a_worker,
    serving,
    started,
    stopped,
)
from worlds.faults.servers.commands import UWSGI, UWSGI_ALONE
from worlds.faults.world import World

ENDS = "killing workers"


def fork(world: World) -> Case:
    """The master has a stream and tasks of its own when it forks; its workers get their own."""
    first, second, *others = world.numbers
    at_import = {first: "joined complete", second: "nowhere complete"}
    server = started(world, UWSGI, FAULTS_AT_IMPORT=json.dumps(at_import))
    kinds = [kind for kind in IN_THREADS if kind != "daemon hang"]
    for number, order in zip(others, kinds * len(others), strict=False):
        server.hand_over({number: order})
    server.under_way()
    server.release()
    server.ended(others)
    server.send(signal.SIGTERM)
    server.gone()
    return case(world, expect(NO_CONTEXT))


def recycle(world: World) -> Case:
    """Python waits for a worker's threads when it ends, and not for its daemon threads."""
    recycling = ("--max-requests", str(world.tasks + 1), "--min-worker-lifetime", "0")
    server = serving(world, (*UWSGI_ALONE, *recycling), IN_THREADS)
    server.hand_over({})
    server.release()
    server.without(server.workers())
    return case(world, stopped(world))


def terminate(world: World) -> Case:
    """The same at a SIGTERM, whose handler is not Python's."""
    server = serving(world, UWSGI, IN_THREADS)
    server.send(signal.SIGTERM)
    server.says(ENDS)
    server.release()
    server.gone()
    return case(world, stopped(world))


ROWS = (
    Fault(
        name="uWSGI: recycling",
        modes=(14,),
        deliveries=BOTH,
        does="--max-requests is reached with work in threads and in daemon threads",
        expects="threads as they end; daemon threads `dropped`/`shutdown`",
        run=recycle,
    ),
    Fault(
        name="uWSGI: fork after import",
        modes=(14,),
        deliveries=BOTH,
        does="tasks are handed over at import, in the master, then in two workers forked from it",
        expects="all as they end, each worker a stream of its own",
        run=fork,
    ),
    Fault(
        name="uWSGI: SIGTERM",
        modes=(14,),
        deliveries=BOTH,
        does="SIGTERM, which Python never sees, with work in threads and in daemon threads",
        expects="threads as they end; daemon threads `dropped`/`shutdown`",
        run=terminate,
    ),
    Fault(
        name="uWSGI: SIGKILL of a worker",
        modes=(15,),
        deliveries=BOTH,
        does="SIGKILL of a worker with threads at work",
        expects="its tasks `dropped`/`instance_lost`, the other worker's as they end",
        run=partial(
            kill_a_worker,
            command=UWSGI,
            kinds=("thread complete", "thread fail", "thread wait", "daemon wait"),
        ),
    ),
)

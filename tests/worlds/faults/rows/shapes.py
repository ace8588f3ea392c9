"""Tasks of every shape, in processes to which nothing happens, or which stop as processes do."""

from worlds.faults.fault import (
    ABANDONED,
    BOTH,
    NO_CONTEXT,
    SHUTDOWN,
    STOPPED,
    Case,
    Expected,
    Fault,
    expect,
    inferred,
    proven,
)
from worlds.faults.mix import ENDING, FOREVER, WAITING
from worlds.faults.truth import Told, true_now
from worlds.faults.world import World


def endings(world: World) -> Case:
    """Each ends in its own way; what is pending at the end is cancelled by ``asyncio.run``."""
    world.start_sidecar()
    app = world.start_app()
    app.hand_over(world.mix(*ENDING, *WAITING, *FOREVER))
    app.order("release")
    assert app.end() == 0
    return Case(world.expected())


def terminated(world: World) -> Case:
    """SIGTERM with tasks pending; the process was told to say so."""
    world.start_sidecar()
    app = world.start_app("stopping")
    app.hand_over(world.mix(*ENDING, *FOREVER))
    app.stop()
    stopped = proven(*STOPPED) if world.by_spool else inferred(*STOPPED)
    return Case(world.expected(lambda _: expect(stopped, sealed_at=app.ended_at)))


def collected(world: World) -> Case:
    """Nobody holds them: the garbage collector takes them."""
    world.start_sidecar()
    app = world.start_app("collected", AFTERWORD_ASYNCIO_TASKS="task_*", AFTERWORD_CAPTURE="1")
    app.order("start", mix=world.mix("task", "future"))
    app.order("collect")
    app.flush()
    return Case(world.expected(lambda _: expect(ABANDONED)))


def loop_closed(world: World) -> Case:
    """Their loop is closed over them, and their process lives on."""
    world.start_sidecar()
    app = world.start_app("closing")
    app.order("hand_over", mix=world.mix(*ENDING, *FOREVER))
    return Case(world.expected(lambda _: expect(SHUTDOWN)))


def threads(world: World) -> Case:
    """Four loops in four threads, and a thread without one."""
    world.start_sidecar()
    app = world.start_app("threads")
    assert app.order("hand_over", mix=world.mix(*ENDING, *WAITING, "nowhere"))

    def unended(task: Told) -> Expected:
        assert task.began_at is None, f"task {task.number} began, and has no end"
        return expect(NO_CONTEXT)

    return Case(world.expected(unended))


def unsampled(world: World) -> Case:
    """No span of theirs is sampled; the book does not live by spans."""
    world.start_sidecar()
    app = world.start_app("unsampled")
    app.hand_over(world.mix(*ENDING, *WAITING))
    app.order("release")
    assert app.end() == 0
    return Case(world.expected())


def late_sidecar(world: World) -> Case:
    """The application is there first; over HTTP nobody answers it for a while."""
    app = world.start_app()
    app.hand_over(world.mix(*ENDING, *WAITING))
    world.start_sidecar()
    app.order("release")
    app.flush()
    return Case(world.expected(), held_up_until=true_now())


ROWS = (
    Fault(
        name="every way to end",
        modes=(7, 12),
        deliveries=BOTH,
        does="tasks return, raise, time out, raise `TimeoutError`, are cancelled; the rest is "
        "pending when `asyncio.run` ends",
        expects="each as it ended, observed; what the end of the loop cancelled `dropped`/"
        "`shutdown`",
        run=endings,
    ),
    Fault(
        name="SIGTERM",
        modes=(13,),
        deliveries=BOTH,
        does='SIGTERM to a process with `instrument("shutdown")` and tasks pending',
        expects="the pending `dropped`/`shutdown`: proven by spool, inferred over HTTP",
        run=terminated,
    ),
    Fault(
        name="garbage-collected",
        modes=(11,),
        deliveries=BOTH,
        does="tasks and futures that nobody holds are collected",
        expects="`dropped`/`abandoned`, observed",
        run=collected,
    ),
    Fault(
        name="pending when the loop closes",
        modes=(12,),
        deliveries=BOTH,
        does='`loop.close()` with tasks pending, under `instrument("shutdown")`',
        expects="`dropped`/`shutdown`, observed",
        run=loop_closed,
    ),
    Fault(
        name="threads and several loops",
        modes=(1,),
        deliveries=BOTH,
        does="four threads with a loop each and one with none hand over at once",
        expects="each as it ended; where there was no loop `dropped`/`no_context`",
        run=threads,
    ),
    Fault(
        name="unsampled spans",
        modes=(19,),
        deliveries=BOTH,
        does="an SDK that samples nothing",
        expects="each as it ended",
        run=unsampled,
    ),
    Fault(
        name="sidecar started after the app",
        modes=(20,),
        deliveries=BOTH,
        does="tasks are handed over and end before there is a sidecar",
        expects="each as it ended",
        run=late_sidecar,
    ),
)

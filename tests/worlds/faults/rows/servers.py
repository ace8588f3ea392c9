"""What rows on servers share: tasks under way in one, and what is expected of those it loses."""

import signal
from collections.abc import Mapping, Sequence

from worlds.faults import truth
from worlds.faults.fault import (
    SHUTDOWN,
    STOPPED,
    Case,
    Expected,
    Verdict,
    expect,
    inferred,
    proven,
)
from worlds.faults.rows.processes import lost
from worlds.faults.servers.server import Server
from worlds.faults.truth import Told
from worlds.faults.world import SHORT_LEASE, World

# Where a row has fewer tasks than kinds it gets the first of them: what matters most comes first.
ENDING = (
    *("background complete", "background fail", "background raise_timeout"),
    *("background_thread complete", "background_thread fail"),
    *("create_task complete", "create_task fail", "create_task raise_timeout"),
    *("wait_until complete", "wait_until fail", "wait_until time_out"),
)
"""What is over before anything happens."""
WAITING = ("background wait", "background wait_and_fail", "wait_until wait", "create_task wait")
"""What would end if the server waited for it."""
ON_THE_LOOP = ("create_task hang", "wait_until hang")
"""What no server waits for."""
HANGING = (*ON_THE_LOOP, "background hang")
IN_THREADS = (
    *("daemon hang", "thread wait", "thread wait_and_fail"),
    *("daemon complete", "daemon fail", "thread complete", "thread fail", "thread time_out"),
)


def serving(
    world: World, command: Sequence[str], kinds: Sequence[str], **environment: str
) -> Server:
    """A server that has handed over all of the row's tasks; they are over, or under way."""
    server = started(world, command, **environment)
    server.hand_over_each(world.mix(*kinds))
    server.under_way()
    return server


def started(world: World, command: Sequence[str], **environment: str) -> Server:
    """A sidecar and a server, and nothing handed over yet."""
    world.start_sidecar()
    return Server(world, command, **SHORT_LEASE, **environment)


def case(world: World, unended: Expected | None = None, *, cancelled: Verdict = SHUTDOWN) -> Case:
    """What ended as it ended, what the server cancelled as ``cancelled``, the rest as given."""

    def expected_of(task: Told) -> Expected:
        if task.how == "cancelled" and task.timeout_seconds is None:
            return expect(cancelled, sealed_at=task.ended_at)
        if not task.how:
            assert unended is not None, f"it has not ended: {task}"
            return unended
        return expect(truth.verdict_of(task), sealed_at=task.ended_at)

    told: Mapping[int, Told] = truth.read(world.truth_path)
    return Case(
        {number: truth.with_truth(task, expected_of(task)) for number, task in told.items()},
        loses=None if unended is not None and unended.start_may_die else 0,
    )


def stopped(world: World, *, killed: bool = False) -> Expected:
    """Of a task that was pending when its process stopped, and said so; or was killed then."""
    expected = expect(proven(*STOPPED) if world.by_spool else inferred(*STOPPED))
    return expected._replace(start_may_die=killed and not world.by_spool)


def killed(world: World, at: float, within_seconds: float = 0.0) -> Expected:
    """Of a task whose process died over it without a word, then or soon after."""
    expected = lost(world, at)
    return expected._replace(
        promise_seconds=expected.promise_seconds + within_seconds,
        start_may_die=not world.by_spool,
    )


def kill_a_worker(
    world: World, command: Sequence[str], kinds: Sequence[str] = (*WAITING, *ENDING)
) -> Case:
    """What is under way in it is lost with it; the other's tasks go on. The book knew of all."""
    server = serving(world, command, kinds)
    server.known()
    victim, *_ = server.workers()
    at = server.kill(victim)
    server.release()
    server.ended(server.tasks_of_others(victim))
    return case(world, killed(world, at))


def kill_the_master(
    world: World, command: Sequence[str], kinds: Sequence[str] = (*WAITING, *ENDING)
) -> Case:
    """Its workers go on without it, and their tasks with them."""
    server = serving(world, command, kinds)
    server.send(signal.SIGKILL)
    server.gone()
    server.release()
    server.ended(world.numbers)
    return case(world)

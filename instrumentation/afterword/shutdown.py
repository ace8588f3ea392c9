"""A process that stops tells which tasks it leaves behind, and where each of them waits.

Platforms call ``report`` when a stop begins and ``finish`` at the last moment that is surely
theirs: a task that still completes after either of them amends its verdict.
"""

import asyncio

from afterword import internal_errors, off_loop, stream


def report() -> None:
    """The process is stopping: say so of every open task. Leaves at once, waits for nothing.

    From now on, a cancellation is ``dropped`` / ``shutdown``. Never raises.
    """
    for stopping in stream.own():
        try:
            stopping.tell_stopping()
            if stopping.delivery is not None:
                stopping.delivery.flush(0.0)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("reporting the tasks that a stop leaves behind")


async def finish() -> None:
    """Nothing may run after this: report, say that the process goes down, and see it delivered.

    Waits for the delivery in a thread, for ``exit_timeout_seconds`` at most. If the process lives
    on all the same (a server in a test), what is handed over later belongs to a new stream. Never
    raises but what cancels it.
    """
    try:
        budget = _say_goodbye()
        if not stream.flush(0.0) and budget > 0:
            await off_loop.flush(budget, last=True)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("delivering what a stop leaves behind")


def _say_goodbye() -> float:
    """Tell it for all streams; how many seconds its delivery may take."""
    in_use, budget = stream.existing(), 0.0
    for ending in stream.own():
        budget = max(budget, ending.settings.exit_timeout_seconds)
        if ending.open_tasks:
            ending.tell_down()
            if ending is in_use:
                stream.renew()
        else:
            ending.stopping = False  # nothing is left that this stop could cancel
    return budget


def end_process() -> None:
    """As at exit, for a process that will not come that far. Blocks; never raises."""
    stream.end_all()


def is_reporting() -> bool:
    """Whether there is anything to tell, and anybody to tell it to."""
    return any(each.delivery is not None for each in stream.own())


def settle_on_closed_loop(loop: asyncio.AbstractEventLoop) -> None:
    """The loop closes: what is still pending on it can never run again. Never raises."""
    from afterword import endings  # noqa: PLC0415 - of a stop

    for each in stream.own():
        for tracked in list(each.open_tasks.values()):
            try:
                if tracked.runs_on(loop):
                    tracked.settle(endings.SHUTDOWN, awaiting=tracked.awaiting())
            except Exception:  # noqa: BLE001 - telemetry never harms its host
                internal_errors.handle("closing the tasks of a loop")

"""The guard: just before a platform's deadline it tells of every task still pending, and where.

A thread, because a loop that is blocked must be reported too. There is one for the process, made
with the first task that has a deadline, anew after a fork; where threads are not to be had, a timer
of the loop does what it can. It keeps no list: the stream knows its open tasks, and the guard looks
through them when the earliest of their deadlines comes near. A task costs one comparison.
"""

import asyncio
from math import inf
from time import time
from typing import Final

from afterword import forking, internal_errors, names, stream
from afterword.delivery.bell import Bell
from afterword.delivery.worker import Worker
from afterword.internal_errors import logger
from afterword.tracked import Tracked

_LONGEST_SLEEP_SECONDS: Final = 600.0
"""Deadlines are wall-clock times, and that clock may be set."""
_LEAST_SLEEP_SECONDS: Final = 0.01
"""Between two looks: with many open tasks a look takes milliseconds."""


class Guard:
    """Sleeps until the first deadline comes near."""

    def __init__(self) -> None:
        self._bell: Final = Bell()
        self._wake_at = inf
        self._told: set[tuple[bytes, int]] = set()
        """Tasks reported that are still open: stream and sequence."""
        self._worker: Final = Worker("afterword-guard", self._run)
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, report_at: float) -> None:
        """Be awake at this time (Unix seconds). The task is in its stream's registry already."""
        if report_at < self._wake_at:
            self._wake_at = report_at
            self._wake()

    def report(self, now: float) -> float:
        """Tell of all tasks whose time has come; when to look next, ``inf`` if nothing is open."""
        following, still_open = inf, set()
        for reporting in stream.own():
            delivery = reporting.delivery
            if delivery is None:
                continue
            told = False
            for tracked in list(reporting.open_tasks.values()):
                report_at = _report_time_of(tracked)
                if report_at > now:
                    following = min(following, report_at)
                    continue
                key = (reporting.id, tracked.sequence)
                still_open.add(key)
                if key not in self._told:
                    tracked.pending(names.PENDING_DEADLINE_NEAR)
                    told = True
            if told:
                delivery.flush(0.0)  # leaves at once, and waits for nothing
        self._told = still_open
        return following

    def _wake(self) -> None:
        if self._worker.thread is None and forking.is_ahead():
            self._wake_at = inf
            return
        problem = self._worker.start()
        if problem:
            logger.warn_once(
                "no thread for the guard",
                "afterword: no thread to watch deadlines can be started (%s): tasks that block "
                "their loop are not told at their deadline until one can be",
                problem,
            )
        if problem or self._worker.is_missing:
            self._set_timer()
        else:
            self._bell.ring()

    def _run(self) -> None:
        while True:
            self._bell.wait(self._pause_after_look())

    def _pause_after_look(self) -> float | None:
        """Look, and say how long to sleep. Whoever expects something earlier meanwhile rings."""
        self._wake_at = inf
        try:
            following = self.report(time())
        except Exception:  # noqa: BLE001 - a bug must not end the thread
            internal_errors.handle("telling which tasks are near their deadlines")
            following = inf
        self._wake_at = min(self._wake_at, following)
        if self._wake_at == inf:
            return None
        return min(max(self._wake_at - time(), _LEAST_SLEEP_SECONDS), _LONGEST_SLEEP_SECONDS)

    def _set_timer(self) -> None:
        loop = asyncio._get_running_loop()  # noqa: SLF001 - exported by asyncio; does not raise
        if loop is not None:
            if self._timer is not None:
                self._timer.cancel()
            pause = min(max(0.0, self._wake_at - time()), _LONGEST_SLEEP_SECONDS)
            self._timer = loop.call_later(pause, self._look_on_loop)

    def _look_on_loop(self) -> None:
        """What the thread does, where there is none; it may have come meanwhile."""
        self._timer = None
        self._worker.start()
        if self._worker.thread is not None:
            self._bell.ring()
        elif self._pause_after_look() is not None:
            self._set_timer()


def _report_time_of(tracked: Tracked) -> float:
    """Unix seconds; ``inf`` if it has no deadline, or is not to be guarded."""
    detail = tracked.detail
    if detail.deadline is None or not detail.guard_lead_seconds:
        return inf
    return detail.deadline - detail.guard_lead_seconds


_guards: Final[dict[int, Guard]] = {}
"""By process id: a fork leaves the parent's thread behind."""


def expect(tracked: Tracked) -> None:
    """Guard a task that was just opened. May raise."""
    report_at = _report_time_of(tracked)
    if report_at < inf:
        pid = tracked.stream.pid
        guard = _guards.get(pid)
        if guard is None:
            guard = _guards.setdefault(pid, Guard())
        guard.expect(report_at)

"""A batch: tasks that the runtime drains together, and the coroutine that sends their evidence.

The coroutine is handed to the same ``wait_until`` before them, so that the runtime keeps the
process awake for it. It waits for tasks that the runtime waits for anyway, then for one bounded
delivery; it cannot make the drain longer than that. The tasks run beside it, and what they tell
meanwhile leaves by the delivery's own thread within 200 ms, so one that hangs holds up no other's
closing.
"""

import asyncio
from contextlib import suppress
from functools import partial
from time import time, time_ns
from typing import TYPE_CHECKING, Final

from afterword import internal_errors, stream
from afterword.evidence import Invocation as InvocationRecord
from afterword.platforms.vercel import invocations
from afterword.platforms.vercel.freeze import deliver

if TYPE_CHECKING:
    from afterword.platforms.vercel.invocations import Invocation
    from afterword.platforms.vercel.sdk import Sdk
    from afterword.tracked import Tracked

FOLDING_SECONDS: Final = 0.01
"""Tasks that are over this soon are told in one request, opening and closing folded."""
HASTE_SECONDS: Final = 1.0
"""So close to the deadline nothing waits to be folded."""


class Batch:
    """Tasks of one invocation. They may be handed over by several threads."""

    def __init__(self, invocation: "Invocation", sdk: "Sdk") -> None:
        self._invocation: Final = invocation
        self._sdk: Final = sdk
        self._tasks: Final[dict[Tracked, None]] = {}
        self.left_over: Final[list[Tracked]] = []
        """Tasks that the batch before this one was to look after, and that came too late for it."""
        self.begun = False
        """The runtime has taken what was handed over so far: what comes now is for the next one."""

    def add(self, tracked: "Tracked") -> None:
        """A task is about to be handed over, perhaps not for the first time."""
        if tracked not in self._tasks:
            self._invocation.scheduled += 1
            self._tasks[tracked] = None

    async def run(self) -> None:
        """What the runtime runs beside the tasks. Never raises."""
        try:
            await self._run()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("delivering an invocation's evidence")

    async def _run(self) -> None:
        with invocations.lock:
            self.begun = True
        await asyncio.sleep(0)  # by now every task of this batch has had its first step
        self._leave_late_ones()
        mine = [task for task in (*self.left_over, *list(self._tasks)) if _has_begun(task)]
        over = await self._wait_for(mine)
        with invocations.lock:
            latest = self._invocation.batch is self
            self._invocation.started += sum(task.has_started for task in mine)
            if latest:
                self._invocation.end()
        if over and latest:
            self._tell_the_end()
        await deliver(self._seconds_left())

    def _leave_late_ones(self) -> None:
        """What a thread handed over while the runtime took this batch runs in the next one."""
        late = [task for task in list(self._tasks) if not _has_begun(task)]
        if not late:
            return
        with invocations.lock:
            following = self._invocation.batch
            if following is None or following.begun:
                following = Batch(self._invocation, self._sdk)
                coroutine = following.run()
                try:
                    self._sdk.wait_until(coroutine)
                except Exception:  # noqa: BLE001 - there is no next one, and they will tell
                    coroutine.close()
                    return
                self._invocation.batch = following
            following.left_over.extend(late)

    async def _wait_for(self, tasks: "list[Tracked]") -> bool:
        """Until all have ended, or the deadline has come; whether they have ended."""
        ends = _Ends(tasks)
        left = self._seconds_left()
        folding = FOLDING_SECONDS if left is None or left > HASTE_SECONDS else 0.0
        if await ends.within(folding):
            return True
        stream.flush(0.0)  # the openings, at once; this waits for nothing
        return await ends.within(self._seconds_left())

    def _seconds_left(self) -> float | None:
        deadline = self._invocation.deadline
        return None if deadline is None else deadline - time()

    def _tell_the_end(self) -> None:
        telling = stream.existing()
        if telling is None:
            return
        telling.send(
            InvocationRecord(
                telling.next_sequence(),
                time_ns(),
                self._invocation.id,
                self._invocation.scheduled,
                self._invocation.started,
            )
        )


def _has_begun(task: "Tracked") -> bool:
    """Whether the runtime has driven it; a durable task may not have begun its work then."""
    coroutine = task.suspended() if task.suspended is not None else None
    driven = getattr(coroutine, "cr_frame", None) is not None
    return driven or task.has_started or task.settled


class _Ends:
    """Waits for tasks that settle on any thread."""

    def __init__(self, tasks: "list[Tracked]") -> None:
        self._loop: Final = asyncio.get_running_loop()
        self._all: Final[asyncio.Future[None]] = self._loop.create_future()
        self._open: Final = set(map(id, tasks))
        for task in tasks:
            task.followers = (*task.followers, partial(self._ended, id(task)))
            if task.settled:
                self._open.discard(id(task))
        if not self._open:
            self._finish()

    async def within(self, seconds: float | None) -> bool:
        """Whether all have ended, asked again until so many seconds have passed."""
        if not self._all.done() and (seconds is None or seconds > 0):
            await asyncio.wait([self._all], timeout=seconds)
        return self._all.done()

    def _ended(self, task: int) -> None:
        self._open.discard(task)
        if not self._open:
            with suppress(RuntimeError):  # the loop may be closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self._all.done():
            self._all.set_result(None)

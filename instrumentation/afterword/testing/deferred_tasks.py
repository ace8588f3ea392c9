"""What the fixture ``deferred_tasks`` is: the test's own book of deferred tasks."""

import asyncio
from collections.abc import Iterator
from typing import Final

from afterword import stream
from afterword.evidence import Opening, Record, Settled
from afterword.testing.recording import RecordingDelivery
from afterword.testing.tasks import IN_FLIGHT, DeferredTask, Tasks, summary, tasks_of

DRAIN_TIMEOUT_SECONDS: Final = 5.0


class DeferredTasks:
    """The deferred tasks of one test, those that other threads hand over too."""

    def __init__(self, delivery: RecordingDelivery) -> None:
        self._delivery: Final = delivery

    @property
    def all(self) -> Tasks:
        """Every task so far, in the order in which they were handed over."""
        return Tasks(self._snapshot())

    def __getitem__(self, name: str) -> Tasks:
        """The tasks of one name so far; empty if there are none.

        Args:
            name: What ``@afterword.deferred`` or ``wait_until(name=…)`` calls them, or else their
                function's qualified name, of which the last part will do.
        """
        tasks = self._snapshot()
        named = [task for task in tasks if name in {task.name, task.name.rpartition(".")[2]}]
        return Tasks(named, name, summary(tasks))

    async def drain(self, *, timeout_seconds: float = DRAIN_TIMEOUT_SECONDS) -> None:
        """Wait until every deferred task has ended, those too that are handed over meanwhile.

        Args:
            timeout_seconds: The longest it may take.

        Raises:
            AssertionError: Tasks are still in flight then; it tells where each is suspended.
        """
        __tracebackhide__ = True
        if self._is_idle():
            return
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def hear(record: Record) -> None:
            if isinstance(record, Settled):
                loop.call_soon_threadsafe(ended.set)

        with self._delivery.heard_by(hear):
            try:
                async with asyncio.timeout(timeout_seconds):
                    while not self._is_idle():
                        await ended.wait()
                        ended.clear()
            except TimeoutError:
                raise self._still_in_flight(timeout_seconds) from None

    def drain_blocking(self, *, timeout_seconds: float = DRAIN_TIMEOUT_SECONDS) -> None:
        """As ``drain``, for tests without a loop: blocks while tasks end on other threads.

        Args:
            timeout_seconds: The longest it may take.

        Raises:
            AssertionError: Tasks are still in flight then; it tells where each is suspended.
            RuntimeError: This thread runs an event loop, which cannot go on while it is blocked.
        """
        __tracebackhide__ = True
        if self._is_idle():
            return
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 - exported by asyncio, and it does not raise
            raise RuntimeError(
                "drain_blocking() on a thread that runs an event loop would block its tasks; "
                "use: await deferred_tasks.drain()"
            )
        if not self._delivery.holds_within(self._is_idle, timeout_seconds):
            raise self._still_in_flight(timeout_seconds)

    def assert_all_completed(self) -> None:
        """Fail if any task did not complete, or if there was none; see ``Tasks``."""
        __tracebackhide__ = True
        self.all.assert_all_completed()

    def __iter__(self) -> Iterator[DeferredTask]:
        return iter(self._snapshot())

    def __len__(self) -> int:
        return len(self._delivery.of(Opening))

    def __repr__(self) -> str:
        return f"<deferred tasks: {summary(self._snapshot()) or 'none'}>"

    def _snapshot(self) -> tuple[DeferredTask, ...]:
        return tasks_of(list(self._delivery.records), _awaiting)

    def _is_idle(self) -> bool:
        return self._delivery.in_flight == 0

    def _still_in_flight(self, timeout_seconds: float) -> AssertionError:
        open_tasks = [task for task in self._snapshot() if task.outcome == IN_FLIGHT]
        head = f"after {timeout_seconds} s deferred tasks are in flight, {len(open_tasks)} in all:"
        return AssertionError("\n".join([head, *(f"  {task}" for task in open_tasks)]))


def _awaiting(opening: Opening) -> str:
    for own in stream.own():
        tracked = own.open_tasks.get(opening.sequence)
        if tracked is not None and tracked.opening is opening:
            return tracked.awaiting()
    return ""

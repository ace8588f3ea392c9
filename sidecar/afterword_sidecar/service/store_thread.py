"""The store's only thread: a store is used by one caller at a time, and never blocks the loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from afterword_sidecar.stores.contract import Store

T = TypeVar("T")


class StoreThread:
    """Runs calls on a store one after another, in the order they were made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="afterword-store")
        self._reading = asyncio.Semaphore(1)

    async def run(self, call: Callable[[Store], T]) -> T:
        """What ``call`` returns or raises. Cancelling the caller stops it neither nor unasks it."""
        return await asyncio.shield(self._ask(call))

    async def read(self, call: Callable[[Store], T]) -> T:
        """As ``run``; at most one read stands before a commit, however many are asked for."""
        await self._reading.acquire()
        try:
            reading = self._ask(call)
        except RuntimeError:  # the thread is closed
            self._reading.release()
            raise
        # Not when its caller leaves: the next would stand in line behind it, before the commit.
        reading.add_done_callback(lambda _: self._reading.release())
        return await asyncio.shield(reading)

    async def close(self) -> None:
        """Close the store after all that was asked of it, and end the thread."""
        try:
            await self.run(lambda store: store.close())
        finally:
            self._thread.shutdown(wait=False)

    def _ask(self, call: Callable[[Store], T]) -> asyncio.Future[T]:
        asked = asyncio.get_running_loop().run_in_executor(self._thread, call, self._store)
        asked.add_done_callback(_retrieved)
        return asked


def _retrieved(asked: "asyncio.Future[T]") -> None:
    """Look at its exception, so that asyncio does not report one whose asker has left."""
    if not asked.cancelled():
        asked.exception()

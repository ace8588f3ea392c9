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
        """What ``call`` returns or raises. Cancelling the caller does not stop the call."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, self._store)

    async def read(self, call: Callable[[Store], T]) -> T:
        """As ``run``; at most one read stands before a commit, however many are asked for."""
        async with self._reading:
            return await self.run(call)

    async def close(self) -> None:
        """Close the store after all that was asked of it, and end the thread."""
        try:
            await self.run(lambda store: store.close())
        finally:
            self._thread.shutdown(wait=False)

"""The store's thread: what is asked of it is done, whoever stays to hear."""

import asyncio
import threading
from contextlib import suppress
from typing import Final

from afterword_sidecar.service.store_thread import StoreThread
from afterword_sidecar.stores.contract import Store
from afterword_sidecar.stores.memory import MemoryStore

PATIENCE_SECONDS: Final = 20.0


async def test_a_caller_that_leaves_takes_nothing_with_it() -> None:
    """A call that still waits is made all the same, and its failure then is nobody's trouble."""
    thread, may_go_on, called = StoreThread(MemoryStore()), threading.Event(), threading.Event()

    def call(_: Store) -> None:
        called.set()
        raise ValueError("nobody is there to hear it")

    first = asyncio.create_task(thread.run(lambda _: may_go_on.wait(PATIENCE_SECONDS)))
    queued = asyncio.create_task(thread.run(call))
    await asyncio.sleep(0)
    queued.cancel()
    with suppress(asyncio.CancelledError):
        await queued
    may_go_on.set()
    assert await first
    await thread.close()
    assert called.is_set()


async def test_readers_that_leave_do_not_line_up_before_a_commit() -> None:
    """However many ask and leave: while the first read lasts, none of the others is in the line."""
    thread, begun, may_go_on = StoreThread(MemoryStore()), threading.Event(), threading.Event()
    order: list[str] = []

    def read(_: Store) -> None:
        order.append("read")
        begun.set()
        may_go_on.wait(PATIENCE_SECONDS)

    readers = [asyncio.create_task(thread.read(read)) for _ in range(5)]
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    for reader in readers[:4]:
        reader.cancel()
        await asyncio.sleep(0)
    commit = asyncio.create_task(thread.run(lambda _: order.append("commit")))
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(*readers, commit, return_exceptions=True)
    assert order == ["read", "commit", "read"]
    await thread.close()

"""Waiting for a delivery from a coroutine: bounded, and never on its event loop."""

import asyncio
from contextlib import suppress
from threading import Thread

from afterword import stream


async def flush(timeout_seconds: float, *, last: bool = False) -> bool:
    """``stream.flush`` in a thread of its own: the application may have filled the loop's pool.

    Whether all was delivered. False at once where no more threads are to be had.
    """
    loop = asyncio.get_running_loop()
    flushed: asyncio.Future[bool] = loop.create_future()

    def run() -> None:
        delivered = stream.flush(timeout_seconds, last=last)
        with suppress(RuntimeError):  # the loop may have closed meanwhile
            loop.call_soon_threadsafe(_settle, flushed, delivered)

    try:
        Thread(target=run, name="afterword-flush", daemon=True).start()
    except RuntimeError:  # no more threads here
        return False
    await asyncio.wait([flushed], timeout=timeout_seconds)
    return flushed.done() and flushed.result()


def _settle(flushed: "asyncio.Future[bool]", delivered: object) -> None:
    if not flushed.done():
        flushed.set_result(bool(delivered))

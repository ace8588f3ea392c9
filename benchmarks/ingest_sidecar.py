"""The sidecar's evidence port and its book, as a process: what the ingest benchmark measures.

Started with a directory. Prints its port; ends when its standard input does, and then prints the
book's totals as JSON, so that what was acknowledged can be compared with what is in it.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop
from aiohttp import web

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.service import Service
from afterword_sidecar.stores.sqlite import SqliteStore
from afterword_sidecar.web.receiver import make_receiver, make_runner


async def serve(directory: Path) -> None:
    store = SqliteStore(directory / "book.sqlite")
    service = Service(Book(Limits(), store.load(), time.time()), store)
    await service.start()
    runner = make_runner(make_receiver(service))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    totals = (await service.view()).totals
    await runner.cleanup()
    await service.stop()
    counts: dict[str, float] = {"commits": service.stats.commits}
    for (metric, _labels), total in totals.items():
        if isinstance(total.value, float | int):
            counts[metric] = counts.get(metric, 0) + total.value
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))

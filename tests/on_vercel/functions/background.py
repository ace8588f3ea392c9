"""A FastAPI function whose deferred work is FastAPI's own: nothing is handed to Vercel."""

import asyncio

import unhurried
from fastapi import BackgroundTasks, FastAPI

import afterword

afterword.instrument()
app = FastAPI()


@app.get("/{order}/{work}")
async def place(order: int, work: str, tasks: BackgroundTasks) -> None:
    """Adds the tasks that the path names."""
    for name in work.split(","):
        if name == "unhurried":
            unhurried.be()
        else:
            tasks.add_task(WORK[name], order)


async def completes(order: int) -> None:
    """Nothing to do."""


async def fails(order: int) -> None:
    """Raises."""
    raise LookupError(f"no such order: {order}")


async def hangs(order: int) -> None:
    """Never ends."""
    await asyncio.Event().wait()


WORK = {"completes": completes, "fails": fails, "hangs": hangs}

"""A shop on Vercel: an order is answered at once, and the rest is done after the response.

The deferred work is handed to Vercel's own ``wait_until``, as before. What is new is one line,
``afterword.instrument()``, and two variables in the project's settings, ``AFTERWORD_ENDPOINT`` and
``AFTERWORD_TOKEN``.
"""

import asyncio

from fastapi import FastAPI
from pydantic import BaseModel
from vercel.functions import wait_until

import afterword

afterword.instrument()

app = FastAPI()


class Order(BaseModel):
    """What a customer sends."""

    id: int
    email: str
    items: int


@app.post("/orders", status_code=202)
async def place_order(order: Order) -> dict[str, int]:
    """The customer waits for none of what is deferred here."""
    wait_until(send_receipt(order))
    wait_until(tell_warehouse(order))
    return {"order": order.id}


@afterword.deferred(capture=True)  # not needed: it keeps the order with a dead letter
async def send_receipt(order: Order) -> None:
    """Stands for a mail service."""
    if "@" not in order.email:
        raise ValueError(f"order {order.id}: no such address")
    await asyncio.sleep(0.01)


async def tell_warehouse(order: Order) -> None:
    """Stands for a warehouse that takes its time: a tenth of a second an item."""
    await asyncio.sleep(order.items / 10)

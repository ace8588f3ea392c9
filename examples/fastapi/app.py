"""A web shop's orders, with FastAPI's background tasks. Nothing in this file knows of Afterword."""

import asyncio
import os
import smtplib
from email.message import EmailMessage

from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel

MAIL_SERVER = ("127.0.0.1", int(os.environ.get("SMTP_PORT", "1025")))

app = FastAPI()
stock = {"pen": 100, "ink": 100}
parcels: dict[int, str] = {}


class Order(BaseModel):
    """What a customer orders."""

    number: int
    email: str
    item: str


@app.post("/orders", status_code=202)
async def place_order(order: Order, tasks: BackgroundTasks) -> Order:
    """Answer at once; the rest is done after the response, one task after the other."""
    tasks.add_task(send_receipt, order)
    tasks.add_task(update_stock, order.item)
    tasks.add_task(book_courier, order.number)
    return order


@app.post("/orders/{number}/courier", status_code=202)
async def ask_for_courier(number: int, tasks: BackgroundTasks) -> None:
    """Send somebody to fetch a parcel."""
    tasks.add_task(book_courier, number)


def send_receipt(order: Order) -> None:
    """Runs in a thread, as it is no coroutine. Fails where there is no mail server."""
    message = EmailMessage()
    message["From"], message["To"] = "shop@example.org", order.email
    message["Subject"] = f"Your order {order.number}"
    message.set_content(f"One {order.item} is on its way.")
    with smtplib.SMTP(*MAIL_SERVER, timeout=5) as server:
        server.send_message(message)


async def update_stock(item: str) -> None:
    """Count down."""
    stock[item] -= 1


async def book_courier(number: int) -> None:
    """Ask the courier's service; here it takes a moment and agrees."""
    await asyncio.sleep(0.01)
    parcels[number] = "to be fetched"

"""The shop's deferred work: what it does for an order once the customer has been answered."""

import asyncio
import os
from pathlib import Path

import afterword
from examples.shop.orders import Order, Trouble
from examples.shop.truth_log import TruthLog

COURIER_TIMEOUT_SECONDS = 0.3
BANK_TIMEOUT_SECONDS = 0.4
CUSTOMS_DEADLINE_SECONDS = 4.0
"""When a platform would end the process, as Vercel does: the shop only passes it on."""

_CUSTOMS_SECONDS = {
    Trouble.CUSTOMS_SLOW: 0.85 * CUSTOMS_DEADLINE_SECONDS,
    Trouble.CUSTOMS_CLOSED: 3600,
}

truth = TruthLog(Path(os.environ["SHOP_TRUTH_LOG"]))


class MailboxFullError(Exception):
    """The customer's mailbox takes no more."""


@afterword.deferred(name="send_receipt", capture=True)
async def send_receipt(order: Order) -> None:
    """Completes, or raises."""
    with truth.end_of(order.order_id, "send_receipt"):
        await asyncio.sleep(0.01)
        if order.trouble is Trouble.MAILBOX_FULL:
            raise MailboxFullError(f"552 {order.email}: mailbox full")


@afterword.deferred(name="book_courier", capture=True)
async def book_courier(order: Order) -> None:
    """Completes, or is ended by the ``timeout=`` it is handed over with."""
    with truth.end_of(order.order_id, "book_courier"):
        await asyncio.sleep(3600 if order.trouble is Trouble.COURIER_SILENT else 0.02)


@afterword.deferred(name="charge_card", capture=True)
async def charge_card(order: Order) -> None:
    """Completes, or raises ``TimeoutError`` by itself: the bank's client has its own patience."""
    with truth.end_of(order.order_id, "charge_card"):
        async with asyncio.timeout(BANK_TIMEOUT_SECONDS):
            await asyncio.sleep(3600 if order.trouble is Trouble.BANK_TIMES_OUT else 0.02)


@afterword.deferred(name="wrap_gift", capture=True)
async def wrap_gift(order: Order) -> None:
    """Completes, or is cancelled by the shop because the customer took the order back."""
    with truth.end_of(order.order_id, "wrap_gift"):
        await asyncio.sleep(3600 if order.trouble is Trouble.CHANGED_MIND else 0.03)


@afterword.deferred(name="declare_customs", capture=True)
async def declare_customs(order: Order) -> None:
    """Completes, or is still waiting when its deadline comes near, and the process is killed."""
    with truth.end_of(order.order_id, "declare_customs"):
        await asyncio.sleep(_CUSTOMS_SECONDS.get(order.trouble, 0.05))


@afterword.deferred(name="tell_warehouse", capture=True)
async def tell_warehouse(order: Order) -> None:
    """Completes, or is still waiting when somebody kills the process."""
    with truth.end_of(order.order_id, "tell_warehouse"):
        await asyncio.sleep(3600 if order.trouble is Trouble.WAREHOUSE_BUSY else 0.01)

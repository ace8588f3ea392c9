"""The shop's customers: they send orders and get their answers; some change their minds."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import count

import httpx

from examples.shop.orders import Delivery, Order, Trouble

_AT_ONCE = 8
_PATIENCE_SECONDS = 60.0
_SHARES = {
    (Delivery.COURIER, Trouble.NONE): 9,
    (Delivery.COURIER, Trouble.COURIER_SILENT): 3,
    (Delivery.COURIER, Trouble.MAILBOX_FULL): 2,
    (Delivery.COURIER, Trouble.BANK_TIMES_OUT): 2,
    (Delivery.GIFT_WRAPPED, Trouble.NONE): 2,
    (Delivery.GIFT_WRAPPED, Trouble.CHANGED_MIND): 3,
    (Delivery.FROM_WAREHOUSE, Trouble.NONE): 3,
    (Delivery.ABROAD, Trouble.NONE): 2,
}
_HELD_AT_CUSTOMS = (Delivery.ABROAD, Trouble.CUSTOMS_CLOSED)
_KEPT_WAITING = (Delivery.FROM_WAREHOUSE, Trouble.WAREHOUSE_BUSY)
_LONG_SHARES = {
    (Delivery.COURIER, Trouble.NONE): 30,
    (Delivery.ABROAD, Trouble.CUSTOMS_SLOW): 60,
    _HELD_AT_CUSTOMS: 9,
    _KEPT_WAITING: 1,
}
"""Of the third customer of an ordinary moment."""


class Customers:
    """Make orders, and send them to the shop at ``url``. ``seed`` decides who orders what."""

    def __init__(self, url: str, seed: int, *, first: int = 1) -> None:
        """``first``: the number of the first order."""
        self._url = url
        self._random = random.Random(seed)
        self._numbers = count(first)

    def orders(self, number: int, *, kept_waiting: int = 0) -> list[Order]:
        """So many orders of every kind; for ``kept_waiting`` more the warehouse never answers."""
        kinds = [kind for kind, share in _SHARES.items() for _ in range(share)]
        drawn = [kinds[i % len(kinds)] for i in range(number)] + [_KEPT_WAITING] * kept_waiting
        self._random.shuffle(drawn)
        return [self._order(*kind) for kind in drawn]

    def held_at_customs(self, number: int) -> list[Order]:
        """So many orders whose declaration will still be waiting at its deadline."""
        return [self._order(*_HELD_AT_CUSTOMS) for _ in range(number)]

    def trickle(self) -> list[Order]:
        """What comes in a moment of an ordinary day: two orders, and maybe one that takes long."""
        kinds = self._random.choices(list(_SHARES), list(_SHARES.values()), k=2)
        kinds += self._random.choices(list(_LONG_SHARES), list(_LONG_SHARES.values()))
        return [self._order(*kind) for kind in kinds]

    async def send(self, orders: Sequence[Order], answered: Callable[[], None]) -> None:
        """Send them, a few at once. Raises ``httpx.HTTPError`` if the shop does not take one."""
        waiting = iter(orders)

        async def customer() -> None:
            # One connection each: taking an order back must reach the worker that has it.
            limits = httpx.Limits(max_connections=1)
            async with httpx.AsyncClient(
                base_url=self._url, limits=limits, timeout=_PATIENCE_SECONDS
            ) as client:
                for order in waiting:
                    await _send(client, order)
                    answered()

        await asyncio.gather(*(customer() for _ in range(_AT_ONCE)))

    def _order(self, delivery: Delivery, trouble: Trouble) -> Order:
        number = next(self._numbers)
        return Order(
            order_id=f"order-{number:04d}",
            email=f"customer{number}@example.com",
            items={self._random.choice(["teapot", "lamp", "novel"]): self._random.randint(1, 3)},
            card_number="4000 0566 5566 5556",
            delivery=delivery,
            trouble=trouble,
        )


async def _send(client: httpx.AsyncClient, order: Order) -> None:
    response = await client.post("/orders", json=asdict(order))
    response.raise_for_status()
    if order.trouble is Trouble.CHANGED_MIND:
        response = await client.delete(f"/orders/{order.order_id}")
        response.raise_for_status()

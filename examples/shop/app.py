"""A small web shop: it takes an order, answers at once, and does the rest after the response.

Run by the demo under ``uvicorn --workers 3``; each worker process writes its evidence to the one
directory that ``AFTERWORD_SPOOL`` names.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import afterword
from examples.shop import after_the_response as later
from examples.shop.orders import Delivery, Order, Trouble

_being_wrapped: dict[str, asyncio.Task[None]] = {}


async def place_order(request: Request) -> JSONResponse:
    """Take an order. The customer waits for none of what is deferred here."""
    told = await request.json()
    order = Order(
        **told | {"delivery": Delivery(told["delivery"]), "trouble": Trouble(told["trouble"])}
    )
    number = order.order_id

    _will_run(number, "send_receipt")
    afterword.wait_until(later.send_receipt(order))
    _will_run(number, "charge_card")
    afterword.wait_until(later.charge_card(order))

    match order.delivery:
        case Delivery.COURIER:
            timeout_seconds = later.COURIER_TIMEOUT_SECONDS
            _will_run(number, "book_courier", timeout_seconds=timeout_seconds)
            afterword.wait_until(later.book_courier(order), timeout=timeout_seconds)
        case Delivery.ABROAD:
            deadline = time() + later.CUSTOMS_DEADLINE_SECONDS
            _will_run(number, "declare_customs", deadline=deadline)
            afterword.wait_until(later.declare_customs(order), deadline=deadline)
        case Delivery.FROM_WAREHOUSE:
            _will_run(number, "tell_warehouse")
            afterword.wait_until(later.tell_warehouse(order))
        case Delivery.GIFT_WRAPPED:
            _will_run(number, "wrap_gift")
            wrapping = asyncio.create_task(later.wrap_gift(order))
            _being_wrapped[number] = wrapping
            wrapping.add_done_callback(lambda _: _being_wrapped.pop(number, None))
            # A Task is watched and stays the shop's to cancel; it does not show its arguments.
            afterword.wait_until(wrapping, payload=order)
    return JSONResponse({"order": number, "worker": os.getpid()}, 202)


async def take_back(request: Request) -> JSONResponse:
    """The customer changed their mind: no need to go on wrapping."""
    number = request.path_params["number"]
    wrapping = _being_wrapped.get(number)
    if wrapping is None:
        return JSONResponse({"order": number, "error": "not being wrapped here"}, 404)
    later.truth.write("cancel_requested", order=number, task="wrap_gift")
    wrapping.cancel()
    return JSONResponse({"order": number})


def _will_run(
    number: str, task: str, *, timeout_seconds: float | None = None, deadline: float | None = None
) -> None:
    limits = {"timeout_seconds": timeout_seconds, "deadline": deadline}
    later.truth.write("handed_over", order=number, task=task, **limits)


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    later.truth.write("worker_up")
    yield


app = Starlette(
    routes=[
        Route("/orders", place_order, methods=["POST"]),
        Route("/orders/{number}", take_back, methods=["DELETE"]),
    ],
    lifespan=_lifespan,
)

"""The function that the Vercel benchmark invokes: three tasks of 50 ms after the response.

Watched where ``AFTERWORD_ENDPOINT`` is set; elsewhere nothing of Afterword is imported.
"""

import asyncio
import os
from typing import Any

from vercel.functions import wait_until

if os.environ.get("AFTERWORD_ENDPOINT"):
    import afterword

    afterword.instrument("vercel")

TASKS = 3
TASK_SECONDS = 0.05


async def send_receipt(order: int) -> int:
    """Waits for somebody, as most deferred work does."""
    await asyncio.sleep(TASK_SECONDS)
    return order


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ARG001 - ASGI's
    """Hands over, then answers."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    for order in range(TASKS):
        wait_until(send_receipt(order))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

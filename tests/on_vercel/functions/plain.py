"""A function that knows nothing of Afterword."""

from typing import Any

from vercel.functions import wait_until


async def send_receipt(order: int) -> int:
    """The deferred work."""
    return order


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Hands over, then answers."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    wait_until(send_receipt(17))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

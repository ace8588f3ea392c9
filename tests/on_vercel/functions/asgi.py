"""An ASGI function."""

from typing import Any

import work


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Hands over what the path names, then answers."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    work.hand_over(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

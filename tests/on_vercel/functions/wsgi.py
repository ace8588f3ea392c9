"""A WSGI function."""

from collections.abc import Callable
from typing import Any

import work


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Hands over what the path names, then answers."""
    work.hand_over(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]

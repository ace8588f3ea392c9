"""Turning a request away: which status, why, and when to come again."""

import math
from http import HTTPStatus


class Turned(Exception):  # noqa: N818 - a decision, not a failure of ours
    """Turned away: the status, why, and headers for the answer."""

    def __init__(
        self, status: HTTPStatus, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


def come_again(message: str, after_seconds: float, headers: dict[str, str] | None = None) -> Turned:
    """503: the client keeps what it has and sends it again."""
    retry_after = str(max(1, math.ceil(after_seconds)))
    return Turned(
        HTTPStatus.SERVICE_UNAVAILABLE, message, {"Retry-After": retry_after, **(headers or {})}
    )

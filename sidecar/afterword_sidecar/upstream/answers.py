"""What came of one try to send, and whether and when to try again. Pure.

Source: opentelemetry-proto ``docs/specification.md``: over HTTP 429, 502, 503 and 504 and broken
connections are tried again, over gRPC the codes below; anything else would be refused again.
"""

import math
import random
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from typing import Final

import msgspec

_HTTP_AGAIN: Final = frozenset({429, 502, 503, 504})
_GRPC_AGAIN: Final = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
)
_GRPC_FULL: Final = "RESOURCE_EXHAUSTED"
_GRPC_AT_FAULT: Final = ("INVALID_ARGUMENT", _GRPC_FULL)
"""Full without saying until when is what gRPC calls a message that is too large."""
LONGEST_RETRY_AFTER_SECONDS: Final = 3600.0
"""What an upstream may ask for at most; a slip of its clock must not silence us for a year."""


class Taken(msgspec.Struct, frozen=True):
    """Upstream has it."""

    rejected: int = 0
    """Records in it that upstream could not take (``partial_success``)."""
    message: str = ""


class TryAgain(msgspec.Struct, frozen=True):
    """Not now."""

    why: str
    after_seconds: float = 0.0
    """What upstream asked for; 0 if it did not say."""


class Fault(Enum):
    """What a refusal is about."""

    REQUEST = "request"
    """What is in it, or its size: no other sender and no other day would help."""
    ENCODING = "encoding"
    SENDER = "sender"
    """Who sends, or where to: a wrong token, a wrong path, a broken upstream."""


class Refused(msgspec.Struct, frozen=True):
    """The same request would be refused again, as things stand."""

    why: str
    fault: Fault = Fault.SENDER


Answer = Taken | TryAgain | Refused

_HTTP_FAULTS: Final[dict[int, Fault]] = {
    HTTPStatus.BAD_REQUEST: Fault.REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Fault.REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY: Fault.REQUEST,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Fault.ENCODING,
}


def of_http(
    status: int, reason: str, headers: Mapping[str, str], partial: tuple[int, str], now: float
) -> Answer:
    """The answer that an HTTP response is; ``partial`` is (rejected, message) of a 200's body."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Taken(*partial)
    why = f"HTTP {status} {reason}".strip()
    if status in _HTTP_AGAIN:
        return TryAgain(why, retry_after(headers.get("Retry-After", ""), now))
    return Refused(why, _HTTP_FAULTS.get(status, Fault.SENDER))


def of_grpc(code: str, details: str, retry_delay_seconds: float | None) -> Answer:
    """The answer that a gRPC status other than OK is; ``retry_delay_seconds`` of its RetryInfo."""
    why = f"gRPC {code} {details}".strip()
    if code in _GRPC_AGAIN or (code == _GRPC_FULL and retry_delay_seconds is not None):
        return TryAgain(why, min(retry_delay_seconds or 0.0, LONGEST_RETRY_AFTER_SECONDS))
    return Refused(why, Fault.REQUEST if code in _GRPC_AT_FAULT else Fault.SENDER)


def retry_after(header: str, now: float) -> float:
    """Seconds from a ``Retry-After`` header: a number, or an HTTP date; 0 if it says neither."""
    text = header.strip()
    try:
        seconds = float(text) if not text.endswith("GMT") else _until(text, now)
    except (ValueError, OverflowError):
        return 0.0
    if not math.isfinite(seconds):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _until(date: str, now: float) -> float:
    return parsedate_to_datetime(date).timestamp() - now


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to go on trying, and how often."""

    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    give_up_seconds: float = 300.0
    """After so long a request that was only passed on is dropped; losses never are."""

    def pause_seconds(self, tries: int, answer: TryAgain, chance: Callable[[], float]) -> float:
        """Until the next try, after ``tries`` that failed. ``chance`` gives 0 to 1."""
        # The exponent is bounded too: 2 to the power of a day's tries is no float.
        grown = min(
            self.first_pause_seconds * 2.0 ** min(tries - 1, 30), self.longest_pause_seconds
        )
        return max(answer.after_seconds, grown * (0.5 + chance() / 2))


def any_chance() -> float:
    """Jitter: sidecars that lost one upstream together must not come back together."""
    return random.random()  # noqa: S311 - no secret

"""What to do after an attempt to send a batch: a pure decision, by OTLP/HTTP's rules.

https://opentelemetry.io/docs/specs/otlp/#failures: 429, 502, 503, 504 and a broken connection are
tried again (``Retry-After`` honoured); every other status that is not 2xx means that the same data
will never be taken. 413 is answered with less data.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

FIRST_DELAY_SECONDS: Final = 0.5
LONGEST_DELAY_SECONDS: Final = 30.0
LONGEST_RETRY_AFTER_SECONDS: Final = 300.0
LONGEST_HURRIED_DELAY_SECONDS: Final = 0.2
"""While somebody waits with a deadline: a sidecar that is back is to be found in time."""
LAST_ATTEMPT_SECONDS: Final = 0.1
"""So long before that deadline there is one more attempt, as a request takes its time too."""

_TRANSIENT: Final = frozenset((429, 502, 503, 504))
_TOO_LARGE: Final = 413
_OK: Final = range(200, 300)
_MOST_DOUBLINGS: Final = 16


class Answer(NamedTuple):
    """What the sidecar, or something before it, answered."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Delivered(NamedTuple):
    """It was taken; some of it perhaps rejected for good (``partialSuccess``)."""

    rejected: int = 0
    message: str = ""


class Again(NamedTuple):
    """Send the same once more, after a while."""

    delay_seconds: float
    by_order: bool
    """The sidecar named the delay: no flush goes before it."""


class Smaller(NamedTuple):
    """Send the same in smaller pieces, at once."""


class GiveUp(NamedTuple):
    """Sending the same again is no use."""

    message: str


Decision = Delivered | Again | Smaller | GiveUp


def decide(
    answer: Answer | None,
    *,
    attempt: int,
    now: float,
    random: Callable[[], float],
    left_seconds: float = 0.0,
    most_seconds: float = LONGEST_RETRY_AFTER_SECONDS,
) -> Decision:
    """What follows from ``answer``, or from none (``None``: refused, reset, timed out).

    ``attempt`` counts from 1, ``now`` is Unix seconds (an HTTP date is compared with it),
    ``random`` gives a number in [0, 1). ``left_seconds`` is how long somebody still waits for the
    delivery, 0 if nobody does. ``most_seconds`` is the longest pause that may be ordered: whoever
    has promised to be heard of keeps that first.
    """
    if answer is None:
        delay = hurried(back_off(attempt, random), left_seconds, random)
        return Again(delay, by_order=False)
    if answer.status in _OK:
        return _delivered(answer.body)
    if answer.status in _TRANSIENT:
        ordered = retry_after(answer.headers.get("retry-after", ""), now)
        if ordered is None:
            return Again(back_off(attempt, random), by_order=False)
        # Up to a second more, so that the clients of one sidecar do not all return at once.
        spread = min(1.0, most_seconds / 2)
        return Again(min(ordered, most_seconds - spread) + spread * random(), by_order=True)
    if answer.status == _TOO_LARGE:
        return Smaller()
    excerpt = answer.body[:200].decode("utf-8", "replace")
    return GiveUp(f"status {answer.status}: {excerpt!r}")


def back_off(attempt: int, random: Callable[[], float]) -> float:
    """Seconds to wait after so many attempts: exponential, with full jitter."""
    doublings = min(max(0, attempt - 1), _MOST_DOUBLINGS)
    return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**doublings) * random()


def hurried(delay_seconds: float, left_seconds: float, random: Callable[[], float]) -> float:
    """The delay, shortened while somebody waits ``left_seconds`` more, with full jitter too."""
    if left_seconds <= 0:
        return delay_seconds
    delay_seconds = min(delay_seconds, LONGEST_HURRIED_DELAY_SECONDS * random())
    before_last = left_seconds - LAST_ATTEMPT_SECONDS
    return min(delay_seconds, before_last) if before_last > 0 else delay_seconds


def retry_after(value: str, now: float) -> float | None:
    """Seconds from ``now`` (Unix) that a ``Retry-After`` header asks for; ``None`` if it does not.

    Seconds or an HTTP date (RFC 9110, 10.2.3), never more than ``LONGEST_RETRY_AFTER_SECONDS``.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    elif value:
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - brings half an HTTP stack

        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    else:
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_SECONDS)


def _delivered(body: bytes) -> Delivered:
    """Reads ``partialSuccess`` of an ``ExportLogsServiceResponse`` in JSON, if there is one."""
    if b"partialSuccess" not in body:
        return Delivered()
    import json  # noqa: PLC0415 - rarely needed, and not in a cold start

    try:
        partial = json.loads(body)["partialSuccess"]
        rejected = int(partial.get("rejectedLogRecords") or 0)
        return Delivered(max(0, rejected), str(partial.get("errorMessage") or ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Delivered()

"""What a reporting process tells, as records: for tests of how it is delivered."""

from typing import Any, Final

from afterword.evidence import Failure, Opening, Record, Settled, Started, TaskKind
from afterword.otlp_json import Envelope

STREAM: Final = bytes(range(16))
MAIL: Final = TaskKind("shop.send_mail", "asyncio", function="shop.send_mail")
AT_NS: Final = 1_790_000_000_000_000_000


def envelope(stream: bytes = STREAM) -> Envelope:
    return Envelope(stream, {"service.name": "shop"}, "1")


def opening(sequence: int, payload: str | None = None, at_ns: int = AT_NS, **more: Any) -> Opening:
    return Opening(sequence, at_ns, MAIL, payload=payload, **more)


def started(of: Opening, sequence: int) -> Started:
    return Started(sequence, of.at_ns, of, 0.001)


def settled(of: Opening, sequence: int, outcome: str = "completed", stack: str = "") -> Settled:
    if outcome == "completed":
        return Settled(sequence, of.at_ns, of, outcome, outcome, 0.25, 0.001)
    failure = Failure("KeyError", "KeyError", "no such order", stack)
    return Settled(sequence, of.at_ns, of, outcome, "exception", 0.25, 0.001, failure)


def whole_task(first: int, payload: str | None = None, outcome: str = "completed") -> list[Record]:
    """Opening, start and closing of one task, numbered from ``first``."""
    begun = opening(first, payload)
    return [begun, started(begun, first + 1), settled(begun, first + 2, outcome)]

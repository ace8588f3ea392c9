"""What a reporting process tells, as records: for tests of how it is delivered."""

from typing import Any, Final, Protocol

from afterword import endings
from afterword.evidence import Failure, Opening, Settled, Started, TaskKind
from afterword.otlp_json import Envelope
from afterword.task_record import NO_DETAIL, NOWHERE, Detail, KnownKind, Place, TaskRecord

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


class Taker(Protocol):
    """What takes a task's records: a delivery, or what is in one."""

    def opened(self, task: TaskRecord) -> Any: ...
    def started(self, task: TaskRecord) -> Any: ...
    def settled(self, task: TaskRecord) -> Any: ...


KNOWN: Final = KnownKind(MAIL)


def task(
    sequence: int, payload: str | None = None, place: Place = NOWHERE, known: KnownKind = KNOWN
) -> TaskRecord:
    """A task that was just handed over; times as a process has them, no two the same."""
    detail = NO_DETAIL if payload is None else Detail(payload=payload)
    return TaskRecord(sequence, AT_NS + sequence, known, place, detail)


def start(begun: TaskRecord, sequence: int) -> TaskRecord:
    begun.start_delay_ns = 1_000_000 + sequence
    begun.started_sequence = sequence
    return begun


def end(
    begun: TaskRecord, sequence: int, outcome: str = "completed", stack: str = ""
) -> TaskRecord:
    begun.duration_ns = 250_000_000 + sequence
    begun.ending = endings.COMPLETED if outcome == "completed" else endings.FAILED
    if outcome != "completed":
        begun.failure = Failure("KeyError", "KeyError", "no such order", stack)
    begun.settled_at_ns = begun.at_ns + 300_000_000
    begun.settled_sequence = sequence
    return begun


def tell_task(
    to: Taker, first: int, payload: str | None = None, outcome: str = "completed"
) -> None:
    """All of one task, its records numbered from ``first``."""
    begun = task(first, payload)
    to.opened(begun)
    to.started(start(begun, first + 1))
    to.settled(end(begun, first + 2, outcome))

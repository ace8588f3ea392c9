"""Evidence as a reporting process sends it: real OTLP/JSON, made where it is not measured."""

import time
from collections.abc import Sequence

from afterword.evidence import Opening, Settled, TaskKind
from afterword.names import COMPLETED, FAILED
from afterword.otlp_json import Envelope, encode

_KINDS = [TaskKind(f"task_{n}", "starlette", function=f"shop.tasks.task_{n}") for n in range(20)]


class ReportingProcess:
    """One stream. ``number`` makes it and its trace ids unlike the others'."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._sequence = 0
        instance = {"service.name": "shop", "service.instance.id": f"shop-{number}"}
        self._envelope = Envelope(number.to_bytes(16, "big"), instance, "1.0")

    def open(self, deadline: float, payload: str | None = None) -> Opening:
        """A task handed over now."""
        self._sequence += 1
        ids = self._number * 10**9 + self._sequence
        return Opening(
            self._sequence,
            time.time_ns(),
            _KINDS[self._sequence % len(_KINDS)],
            deadline=deadline,
            route="/orders/{id}",
            trace_id=ids << 32 | 1,
            span_id=ids,
            sampled=True,
            payload=payload,
        )

    def close(self, opening: Opening) -> Settled:
        """It completed, now."""
        self._sequence += 1
        return Settled(self._sequence, time.time_ns(), opening, COMPLETED, COMPLETED, 0.01)

    def fail(self, opening: Opening) -> Settled:
        """It failed, now, and leaves a dead letter."""
        self._sequence += 1
        return Settled(self._sequence, time.time_ns(), opening, FAILED, "exception", 0.01)

    def request(self, records: Sequence[Opening | Settled]) -> bytes:
        """The body of a request that tells them."""
        return self._envelope.wrap(map(encode, records))

"""For tests: evidence kept in memory, to be asserted on.

def test_the_receipt_is_sent():
with afterword.testing.recording() as evidence:
asyncio.run(checkout())
assert evidence.outcomes() == {"send_receipt": ["completed"]}
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from afterword import deliveries, internal_errors, settings, stream
from afterword.evidence import Opening, Record, Settled

R = TypeVar("R", bound=Record)


class RecordingDelivery:
    """A delivery that keeps what it is given, in the order of arrival."""

    def __init__(self) -> None:
        self.records: Final[list[Record]] = []
        self.closed = False
        self._arrived: Final = threading.Condition(threading.RLock())

    def send(self, record: Record) -> None:
        """Keep the record."""
        with self._arrived:
            self.records.append(record)
            self._arrived.notify_all()

    def flush(self, timeout_seconds: float) -> bool:  # noqa: ARG002 - the contract's; nothing waits
        """Nothing is ever waiting."""
        return True

    def close(self, timeout_seconds: float) -> None:  # noqa: ARG002 - the contract's; nothing waits
        """Remember that it was closed."""
        self.closed = True

    def abandon(self) -> None:
        """In a forked child: what the parent recorded is the parent's."""
        self.records.clear()

    def of(self, kind: type[R]) -> list[R]:
        """The records of one kind: ``Opening``, ``Started``, ``Settled`` …."""
        with self._arrived:
            return [record for record in self.records if isinstance(record, kind)]

    def wait_for(self, kind: type[R], number: int, timeout_seconds: float = 5.0) -> list[R]:
        """Those of one kind, once there are so many. Raises ``TimeoutError`` if there never are."""
        with self._arrived:
            if self._arrived.wait_for(lambda: len(self.of(kind)) >= number, timeout_seconds):
                return self.of(kind)
        raise TimeoutError(f"{len(self.of(kind))} of {number} {kind.__name__} records arrived")

    def outcomes(self) -> dict[str, list[str]]:
        """By task's name, how its tasks ended, in that order."""
        ended: dict[str, list[str]] = {}
        for settled in self.of(Settled):
            ended.setdefault(settled.opening.kind.name, []).append(settled.outcome)
        return ended

    def open_tasks(self) -> list[Opening]:
        """Openings without a closing, oldest first."""
        ended = {settled.opening.sequence for settled in self.of(Settled)}
        return [opening for opening in self.of(Opening) if opening.sequence not in ended]


@contextmanager
def recording(**given: Any) -> Iterator[RecordingDelivery]:
    """Record this process's evidence while the block runs; nothing leaves the process.

    Afterword's own errors are raised meanwhile, so that a test sees them. Settings, streams and
    the error handling are as before afterwards.

    Args:
        given: Settings by their names (``capture=True``), as for ``afterword.configure``.
    """
    delivery = RecordingDelivery()
    before = settings.current(), internal_errors.re_raise
    deliveries.use(lambda _stream: delivery)
    internal_errors.re_raise = True
    settings.load(given)
    stream.renew()
    try:
        yield delivery
    finally:
        deliveries.use(None)
        settings.restore(before[0])
        internal_errors.re_raise = before[1]
        stream.renew()

"""Evidence kept in memory while a block runs, and this process as it was before once it has."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from afterword import deliveries, internal_errors, settings, stream
from afterword.evidence import Opening, Record, Settled
from afterword.task_record import TaskRecord

R = TypeVar("R", bound=Record)

Listener = Callable[[Record], None]
"""Called with every record, on the thread that told it, before the task goes on."""


class RecordingDelivery:
    """A delivery that keeps what it is given, in the order of arrival."""

    def __init__(self) -> None:
        self.records: Final[list[Record]] = []
        self.closed = False
        self.in_flight = 0
        """How many tasks were handed over and have not ended."""
        self._arrived: Final = threading.Condition(threading.RLock())
        self._listeners: tuple[Listener, ...] = ()

    def send(self, record: Record) -> None:
        """Keep the record."""
        with self._arrived:
            self.records.append(record)
            if isinstance(record, Opening | Settled):
                self.in_flight += 1 if isinstance(record, Opening) else -1
            self._arrived.notify_all()
        for listener in self._listeners:
            listener(record)

    def opened(self, task: TaskRecord) -> None:
        """Keep its opening."""
        self.send(task.opening)

    def started(self, task: TaskRecord) -> None:
        """Keep its start."""
        self.send(task.as_started())

    def settled(self, task: TaskRecord) -> None:
        """Keep its closing."""
        self.send(task.as_settled())

    def send_confirmed(self, record: Record, confirm: Callable[[bool], None]) -> None:
        """Keep the record, which is safe then."""
        self.send(record)
        confirm(True)

    def flush(self, timeout_seconds: float, *, last: bool = False) -> bool:  # noqa: ARG002 - the contract's; nothing waits
        """Nothing is ever waiting."""
        return True

    def close(self, timeout_seconds: float) -> None:  # noqa: ARG002 - the contract's; nothing waits
        """Remember that it was closed."""
        self.closed = True

    def abandon(self) -> None:
        """In a forked child: what the parent recorded is the parent's."""
        self.records.clear()
        self.in_flight = 0

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Records that arrive while the block runs are told to the listener too."""
        with self._arrived:
            self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            with self._arrived:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

    def of(self, kind: type[R]) -> list[R]:
        """The records of one kind: ``Opening``, ``Started``, ``Settled`` …."""
        with self._arrived:
            return [record for record in self.records if isinstance(record, kind)]

    def wait_for(self, kind: type[R], number: int, timeout_seconds: float = 5.0) -> list[R]:
        """Those of one kind, once there are so many. Raises ``TimeoutError`` if there never are."""
        if self.holds_within(lambda: len(self.of(kind)) >= number, timeout_seconds):
            return self.of(kind)
        raise TimeoutError(f"{len(self.of(kind))} of {number} {kind.__name__} records arrived")

    def holds_within(self, holds: Callable[[], bool], timeout_seconds: float) -> bool:
        """Block until it holds, asked again at every record; whether it did in time."""
        with self._arrived:
            return self._arrived.wait_for(holds, timeout_seconds)

    def outcomes(self) -> dict[str, list[str]]:
        """By task's name, how its tasks ended, in that order."""
        ended: dict[str, list[str]] = {}
        for settled in self.of(Settled):
            ended.setdefault(settled.opening.kind.name, []).append(settled.outcome)
        return ended

    def open_tasks(self) -> list[Opening]:
        """Openings without a closing, oldest first."""
        ended = {id(settled.opening) for settled in self.of(Settled)}
        return [opening for opening in self.of(Opening) if id(opening) not in ended]


@contextmanager
def recording(**given: Any) -> Iterator[RecordingDelivery]:
    """Record this process's evidence while the block runs; nothing leaves the process.

    Afterword's own errors are raised meanwhile, so that a test sees them. Settings, streams and
    the error handling are as before afterwards.

    Args:
        given: Settings by their names (``capture=True``), as for ``afterword.configure``; the
            others are as the environment says.
    """
    with kept_in_memory() as delivery:
        settings.load(given)
        yield delivery


@contextmanager
def kept_in_memory() -> Iterator[RecordingDelivery]:
    """As ``recording``, with the settings in force."""
    delivery = RecordingDelivery()
    settings_before, re_raised_before = settings.in_force(), internal_errors.re_raise
    given_before = deliveries.use(lambda _stream: delivery)
    internal_errors.re_raise = True
    told_before = set(internal_errors.told)
    internal_errors.told.clear()
    aside = stream.set_aside()
    try:
        yield delivery
    finally:
        stream.put_back(aside)
        deliveries.use(given_before)
        settings.restore(settings_before)
        internal_errors.told.clear()
        internal_errors.told.update(told_before)
        internal_errors.re_raise = re_raised_before

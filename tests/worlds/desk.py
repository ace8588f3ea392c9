"""A book under test: tells it facts, lets time pass, and checks the balance after every step."""

from pathlib import Path
from typing import Any

from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.book import Book, Receipt
from afterword_sidecar.ledger.facts import Batch, Fact, Scheduled, Settled, Source, Started
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Changes, SettledTask, TaskKey
from afterword_sidecar.stores.contract import Store
from afterword_sidecar.stores.memory import MemoryStore

START = 1_000_000.0
SHOP = Source(stream=b"S" * 16, service="shop", instance="shop-1")


class Desk:
    """A ``Book`` over a real store, a clock that the test moves, and what was pronounced."""

    directory: Path | None = None
    """Of its journal, where it keeps one."""

    def __init__(self, memory: MemoryStore | None = None, **limits: Any) -> None:
        self.limits = Limits(**limits)
        self.memory = MemoryStore() if memory is None else memory
        self.store: Store = self.memory
        self.now = START
        self.open()
        self.settled: dict[TaskKey, SettledTask] = {}
        self.changes = Changes()
        self.pass_time(min(5.0, self.limits.client_backoff_seconds))

    def open(self) -> None:
        """Take up the book from its store."""
        self.book = Book(self.limits, self.store.load(), self.now)

    def tell(
        self, *facts: Fact, source: Source = SHOP, same_clock: bool = True, at: float | None = None
    ) -> Receipt:
        """Evidence arrives now."""
        batch = Batch(source, facts, self.now if at is None else at, same_clock=same_clock)
        receipt = self.book.apply(batch, self.now)
        self.commit()
        return receipt

    def pass_time(self, seconds: float) -> None:
        """Time passes, and the book is told."""
        self.now += seconds
        self.book.advance(self.now)
        self.commit()

    def die(self, source: Source = SHOP) -> None:
        """The stream's lock has fallen, and its spool is read."""
        self.book.stream_ended(source.stream, self.now, alive_at=self.now - 0.05)
        self.commit()

    def restart(self) -> None:
        """The sidecar is killed and opens its book again."""
        self.open()
        self.check_balance()

    def commit(self) -> None:
        """Make the changes durable; the book must balance."""
        self.changes = self.book.drain()
        self.store.commit(self.changes)
        for task in self.changes.settled:
            self.settled[task.key] = task
        self.check_balance()

    def check_balance(self) -> None:
        """Scheduled = settled - amended + in flight, per series, and in flight is what is open."""
        view = self.book.view()
        counted: dict[tuple[str, ...], float] = {}
        signs = {totals.SCHEDULED: 1, totals.SETTLED: -1, totals.AMENDED: 1}
        for (metric, labels), total in view.totals.items():
            if metric in signs:
                assert isinstance(total.value, float)
                counted[labels[:4]] = counted.get(labels[:4], 0) + signs[metric] * total.value
        assert counted == {labels: float(n) for labels, n in view.in_flight.items()}
        assert view.open_tasks == sum(1 for _ in self.book.in_flight())

    def verdict(self, opening: int, source: Source = SHOP) -> str:
        """``outcome/reason/basis`` of a task, as last pronounced."""
        verdict = self.settled[source.stream, opening].verdict
        return f"{verdict.outcome}/{verdict.reason}/{verdict.basis}"

    def total(self, metric: str, *labels: str) -> float:
        """The sum of a metric over the series that carry all of these label values."""
        return sum(
            total.value
            for (name, values), total in self.book.view().totals.items()
            if name == metric and set(labels) <= set(values) and isinstance(total.value, float)
        )


def opening(sequence: int = 1, at: float = START, **fields: Any) -> Scheduled:
    return Scheduled(sequence, at, fields.pop("task", "send_receipt"), **fields)


def start(sequence: int, of: int = 1, at: float = START) -> Started:
    return Started(sequence, of, at, start_delay_seconds=0.01)


def closing(
    sequence: int,
    of: int = 1,
    outcome: str = "completed",
    reason: str = "completed",
    **fields: Any,
) -> Settled:
    at = fields.pop("at", START + 1)
    task = fields.pop("task", "send_receipt")
    return Settled(sequence, of, at, task, outcome, reason, scheduled_at=START, **fields)

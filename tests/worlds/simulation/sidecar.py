"""The sidecar under test: the real book over a real store, killed now and then."""

from enum import Enum
from pathlib import Path

from afterword_sidecar.journal.beside import journaled
from afterword_sidecar.journal.store import JournaledStore
from afterword_sidecar.journal.writing import Keeping
from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import SettledTask, TaskKey
from afterword_sidecar.stores.contract import Store
from afterword_sidecar.stores.memory import MemoryStore
from worlds.simulation.world import World

LIMITS = Limits(longest_life_seconds=1800.0, stream_retention_seconds=86400.0)
KEEPING = Keeping(age_seconds=1e9, size_bytes=2**40)
TICK_SECONDS = 1.0
LOOK_SECONDS = 0.05
_SIGNS = {totals.SCHEDULED: 1, totals.SETTLED: -1, totals.AMENDED: 1}


class OutOfBalanceError(AssertionError):
    """The book's counters do not add up."""


class Fate(Enum):
    """What became of a request."""

    REFUSED = 0
    COMMITTED = 1
    """Durable, but the sidecar died before it could say so: it will come again."""
    ACKNOWLEDGED = 2


class Sidecar:
    """Takes evidence, or is down. After every commit its book must balance."""

    def __init__(self, world: World, crash_rate: float, journal: Path | None = None) -> None:
        self.world = world
        self.crash_rate = crash_rate
        self.journal = journal
        self.memory = MemoryStore()
        self.store: Store = self.memory
        self.book: Book | None = self._open()
        self.final: dict[TaskKey, SettledTask] = {}
        self.commits = 0
        self.crashes = 0
        self._fell_at = 0.0
        world.after(TICK_SECONDS, self._tick)

    def _open(self) -> Book:
        if self.journal is None:
            return Book(LIMITS, self.store.load(), self.world.now)
        if isinstance(self.store, JournaledStore):
            self.store.let_go()
        book, self.store = journaled(
            self.memory, LIMITS, self.journal, KEEPING, lambda: self.world.now
        )
        return book

    def take(self, batch: Batch) -> Fate:
        """What becomes of a request; the sender learns only whether it was ``ACKNOWLEDGED``."""
        if self.book is None:
            return Fate.REFUSED
        self.book.apply(batch, self.world.now)
        if self._crashes():
            return Fate.REFUSED  # before the commit: what was applied is forgotten
        self._commit()
        return Fate.COMMITTED if self._crashes() else Fate.ACKNOWLEDGED

    def stream_ended(self, stream: bytes, alive_at: float) -> bool:
        """The reader has seen the lock fallen and read the spool to its end."""
        if self.book is None:
            return False
        self.book.stream_ended(stream, self.world.now, alive_at=alive_at)
        self._commit()
        return True

    def looked_at(self) -> float:
        """When it last looked at locks: every twentieth of a second while it is up."""
        now = self.world.now if self.book is not None else self._fell_at
        return now - self.world.chance.uniform(0, LOOK_SECONDS)

    def _tick(self) -> None:
        if self.book is not None:
            due = self.book.next_due()
            if due is not None and due <= self.world.now:
                self.book.advance(self.world.now)
                self._commit()
        self.world.after(TICK_SECONDS, self._tick)

    def _commit(self) -> None:
        assert self.book is not None
        changes = self.book.drain()
        self.store.commit(changes)
        for settled in changes.settled:
            self.final[settled.key] = settled
        self.commits += 1
        self._check_balance()

    def _check_balance(self) -> None:
        assert self.book is not None
        view = self.book.view()
        left: dict[tuple[str, ...], float] = {k: -float(n) for k, n in view.in_flight.items()}
        for (metric, labels), total in view.totals.items():
            if metric in _SIGNS:
                left[labels[:4]] += _SIGNS[metric] * total.value  # type: ignore[operator] # these three are counters
        if any(left.values()):
            raise OutOfBalanceError(f"after {self.commits} commits: {left}")

    def _crashes(self) -> bool:
        if self.world.chance.random() >= self.crash_rate:
            return False
        self.book = None
        self._fell_at = self.world.now
        self.crashes += 1
        self.world.after(self.world.chance.uniform(0.1, 8.0), self._restart)
        return True

    def _restart(self) -> None:
        self.book = self._open()
        self._check_balance()

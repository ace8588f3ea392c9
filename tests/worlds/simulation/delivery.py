"""What becomes of evidence on its way: spools that outlive their process, buffers that do not."""

from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from afterword_sidecar.ledger.facts import (
    Batch,
    Fact,
    Rollup,
    Scheduled,
    Settled,
    Source,
    Started,
)
from worlds.simulation.sidecar import Fate, Sidecar
from worlds.simulation.world import World

POLL_SECONDS = 0.05
FLUSH_SECONDS = 0.2
PAUSE_SECONDS = 5.0
"""The longest between two tries."""
PROMPT_SECONDS = 0.5
REMOVING = 0.3
"""Of the spools: so many are removed while they are written to, with"""
REMOVED = 0.005
"""of their records, that so many come to a directory that has just been removed."""
UNREACHABLE_SECONDS = 40.0
OVERFLOWING = 0.6
"""Of the processes that fold, and of their flushes: so many come when the buffer was full."""


Told = tuple[float, float]
"""When the last of a batch was told, and how much its clock was ahead then."""


class Delivery(Protocol):
    """How a process reports."""

    committed: dict[int, float]
    """Sequence numbers that the book holds for certain, and since when."""
    rolled_up: set[int]
    """Openings of tasks of which it is told by count alone."""

    def send(self, fact: Fact) -> None:
        """A record leaves the process's hands."""

    def thaw(self) -> None:
        """The process, frozen until now, goes on."""

    def end(self) -> None:
        """The process is gone, with all that is only in its memory."""


class Spool:
    """A file: what was written is there, whatever becomes of the process.

    Some lose their directory now and then, with what was not read of it, and make it anew.
    """

    def __init__(
        self, world: World, sidecar: Sidecar, source: Source, remade: Callable[[], object] | None
    ) -> None:
        """``remade``: what the process does when it has made the directory anew."""
        self._world, self._sidecar, self._source = world, sidecar, source
        self._removed = REMOVED if world.chance.random() < REMOVING else 0.0
        self._remade = remade
        self._unread: list[Fact] = []
        self._polling = False
        self.alive_at = 0.0
        """When its lock was last seen held."""
        self._ended = False
        self.fell_at = 0.0
        self.committed: dict[int, float] = {}
        self.rolled_up: set[int] = set()

    def send(self, fact: Fact) -> None:
        removed = self._world.chance.random() < self._removed
        if removed:
            self._unread.clear()
        self._unread.append(fact)
        if removed and self._remade is not None:
            self._remade()
        self._poll_soon()

    def thaw(self) -> None:
        """Nothing was kept in memory."""

    def end(self) -> None:
        self.alive_at = self._sidecar.looked_at()
        self._ended = True
        self._poll_soon()

    def _poll_soon(self) -> None:
        if not self._polling:
            self._polling = True
            self._world.after(self._world.chance.uniform(0, POLL_SECONDS), self._poll)

    def _poll(self) -> None:
        """Read what is there; only then may a fallen lock mean that this was all."""
        self._polling = False
        if self._unread:
            facts = self._unread[:500]
            batch = Batch(self._source, facts, self._world.now, same_clock=True)
            fate = self._sidecar.take(batch)
            if fate is not Fate.REFUSED:
                note(self.committed, facts, self._world.now)
            if fate is Fate.ACKNOWLEDGED:
                del self._unread[: len(facts)]
        if self._unread:
            self._poll_soon()
        elif self._ended and not self.fell_at:
            if self._sidecar.stream_ended(self._source.stream, self.alive_at):
                self.fell_at = self._world.now
            else:
                self._poll_soon()


class Http:
    """A buffer, flushed now and then over a network that loses requests and answers."""

    def __init__(
        self,
        world: World,
        sidecar: Sidecar,
        source: Source,
        *,
        loss: float,
        folds: bool,
        next_number: Callable[[], int],
        skew: Callable[[], float],
    ) -> None:
        self._world, self._sidecar, self._source = world, sidecar, source
        self._reachable_from = world.now
        if world.chance.random() < 0.2:
            self._reachable_from += world.chance.uniform(0, UNREACHABLE_SECONDS)
        self._skew = skew
        self._told: Told = (world.now, 0.0)
        self.prompt: dict[float, list[float]] = {}
        """Skew -> when batches that showed it were taken at once, a second or more apart."""
        self._loss, self._folds = loss, folds
        self._next_number = next_number
        self._overflows = folds and world.chance.random() < OVERFLOWING
        self.rolled_up: set[int] = set()
        self._buffer: list[Fact] = []
        self._in_hand = False
        """A batch that nobody takes, as nobody can be reached: the others wait behind it."""
        self._flushing = False
        self._ended = False
        self.committed: dict[int, float] = {}

    def send(self, fact: Fact) -> None:
        self._buffer.append(fact)
        self._told = (self._world.now, self._skew())
        if not self._flushing:
            self._flushing = True
            self._world.after(FLUSH_SECONDS, self._flush)

    def thaw(self) -> None:
        if self._buffer and not self._flushing:
            self._flushing = True
            self._flush()

    def end(self) -> None:
        self._ended = True
        self._buffer.clear()

    def _flush(self) -> None:
        self._flushing = False
        if self._ended or not self._buffer:
            return
        if self._in_hand:
            self._flushing = True
            self._in_hand = False
            self._world.at(self._reachable_from + PAUSE_SECONDS + FLUSH_SECONDS, self._flush)
            return
        self._in_hand = self._world.now < self._reachable_from
        facts, self._buffer = self._buffer, []
        facts = fold(facts) if self._folds else facts
        if self._overflows and self._world.chance.random() < OVERFLOWING:
            facts, rolled_up = roll_up(facts, self._next_number)
            self.rolled_up |= rolled_up
        told = None if isinstance(facts[-1], Rollup) else self._told
        self._try(facts, told, pause=0.1)

    def _try(self, facts: list[Fact], told: Told | None, pause: float) -> None:
        """One request. Its sender may be gone by the time it arrives, or is to be repeated."""
        if self._ended and pause > 0.1:
            return
        chance = self._world.chance
        if chance.random() >= self._loss and self._world.now >= self._reachable_from:
            delay = chance.uniform(0.001, 0.05) if chance.random() < 0.95 else chance.uniform(0, 3)
            self._world.after(delay, lambda: self._arrive(facts, told, pause))
        else:
            self._again(facts, told, pause)

    def _arrive(self, facts: list[Fact], told: Told | None, pause: float) -> None:
        now = self._world.now
        batch = Batch(self._source, facts, now)
        fate = self._sidecar.take(batch)
        if fate is not Fate.REFUSED:
            note(self.committed, facts, self._world.now)
            if told is not None and now - told[0] < PROMPT_SECONDS:
                moments = self.prompt.setdefault(told[1], [])
                if not moments or now - moments[-1] >= 1.0:
                    moments.append(now)
        if fate is Fate.ACKNOWLEDGED and self._world.chance.random() >= self._loss:
            return  # the answer arrived, too
        self._again(facts, told, pause)

    def _again(self, facts: list[Fact], told: Told | None, pause: float) -> None:
        self._world.after(pause, lambda: self._try(facts, told, min(pause * 2, PAUSE_SECONDS)))


def note(committed: dict[int, float], facts: list[Fact], now: float) -> None:
    """These are in the book from now on, if they were not before."""
    for number in numbers_of(facts):
        committed.setdefault(number, now)


def fold(facts: list[Fact]) -> list[Fact]:
    """Openings, starts and closings of the same buffer become one record."""
    openings = {fact.sequence: fact for fact in facts if isinstance(fact, Scheduled)}
    starts = {fact.opening_sequence: fact for fact in facts if isinstance(fact, Started)}
    folded: list[Fact] = []
    gone: set[int] = set()
    for fact in facts:
        if isinstance(fact, Settled) and fact.opening_sequence in openings:
            began = starts.get(fact.opening_sequence)
            number = began.sequence if began else 0
            gone |= {fact.opening_sequence, number}
            deadline = openings[fact.opening_sequence].deadline
            folded.append(replace(fact, folded=True, started_sequence=number, deadline=deadline))
        else:
            folded.append(fact)
    return [fact for fact in folded if fact.sequence not in gone]


def numbers_of(facts: list[Fact]) -> set[int]:
    """The sequence numbers that these records cover."""
    numbers = {fact.sequence for fact in facts}
    for fact in facts:
        if isinstance(fact, Settled) and fact.folded:
            numbers |= {fact.opening_sequence, fact.started_sequence}
        elif isinstance(fact, Rollup):
            for low, high in fact.ranges:
                numbers |= set(range(low, high + 1))
    return numbers - {0}


def roll_up(facts: list[Fact], next_number: Callable[[], int]) -> tuple[list[Fact], set[int]]:
    """What a full buffer keeps of tasks that began and ended in it: how many there were.

    Returns what is sent, and the openings of those tasks.
    """
    kinds: dict[tuple[str, str, str], list[Settled]] = {}
    kept: list[Fact] = []
    for fact in facts:
        if isinstance(fact, Settled) and fact.folded:
            kinds.setdefault((fact.task, fact.outcome, fact.reason), []).append(fact)
        else:
            kept.append(fact)
    for (task, outcome, reason), told in kinds.items():
        numbers = sorted(number for fact in told for number in numbers_of([fact]))
        ranges = tuple((number, number) for number in numbers)
        at = told[-1].at
        kept.append(Rollup(next_number(), at, task, outcome, reason, len(told), ranges, "asyncio"))
    return kept, {fact.opening_sequence for told in kinds.values() for fact in told}

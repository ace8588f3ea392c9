"""What the book says, as a row reads it: of every task, of what it cannot place, of itself."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from worlds.faults.fault import Verdict


class Pronounced(NamedTuple):
    """A verdict, and when the sidecar said so, Unix seconds."""

    verdict: Verdict
    at: float


class Letter(NamedTuple):
    """A task's dead letter."""

    verdict: Verdict
    pronounced_at: float
    is_open: bool
    number: int | None
    """The number in its payload."""
    earlier: tuple[Pronounced, ...] = ()
    """Verdicts that it took back, oldest first."""
    proven_later: bool = False
    """It was inferred, and counted so; then the lock of its process fell."""


class Amendment(NamedTuple):
    """A verdict taken back."""

    outcome: str
    reason: str
    to_outcome: str
    to_reason: str


@dataclass(frozen=True)
class Entry:
    """All that the book says of one task."""

    scheduled: int = 0
    in_flight: int = 0
    settled: Counter[Verdict] = field(default_factory=Counter)
    """Pronouncements, amendments too."""
    amended: Counter[Amendment] = field(default_factory=Counter)
    letters: tuple[Letter, ...] = ()
    starts: int | None = None
    """How often its first step was counted; ``None`` where tasks share a series."""


class Audited(NamedTuple):
    """What the book says of itself."""

    trusted: bool
    missing: int
    """Numbers of the sequences that have not come, those given up included."""
    counted: int
    """Tasks handed over, as the audit adds them up."""
    why: tuple[str, ...] = ()
    """What it says of the streams at fault."""


@dataclass(frozen=True)
class Book:
    """One reading."""

    entries: Mapping[int, Entry]
    strays: tuple[str, ...] = ()
    """Series and letters that are of no task of the row."""
    audited: Audited | None = None


@dataclass(frozen=True)
class Wire:
    """Whose evidence the sidecar had acknowledged, as the proxy saw it. Spools have no wire."""

    openings: frozenset[int]
    closings: frozenset[int]

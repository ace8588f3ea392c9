"""What a verification finds: values, and how they add up."""

from collections import Counter
from enum import Enum
from typing import Final

import msgspec

SHOWN: Final = 1_000
"""Problems kept with their words; further ones are counted only."""


class Position(msgspec.Struct, frozen=True):
    """Where in the journal."""

    number: int
    """Of the record; where it has none that can be read, that of the one before."""
    file: str
    line: int

    def __str__(self) -> str:
        return f"record {self.number} ({self.file} line {self.line})"


class Finding(Enum):
    """What became of the check of one verdict."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    UNTOLD = "cannot be told"


class Damage(Enum):
    """What is wrong with a record's place in the chain."""

    ALTERED = "altered"
    MISSING = "missing"
    OUT_OF_ORDER = "out of order"
    INSERTED = "inserted"


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong, or cannot be told."""

    kind: str
    """``altered``, ``missing`` …, ``contradicted``, ``cannot be told``, ``totals``, ``book``."""
    where: str
    what: str
    task: str = ""
    """``stream-opening``, where it is about one."""


class Report(msgspec.Struct):
    """All of it."""

    verdicts: dict[str, Counter[str]] = {}
    """``outcome/reason/basis`` -> how many were confirmed, contradicted, cannot be told."""
    problems: list[Problem] = []
    problem_counts: Counter[str] = msgspec.field(default_factory=Counter)
    records: int = 0
    size_bytes: int = 0
    """Read so far."""
    first: int = 0
    last: int = 0
    segments: int = 0
    pruned_to: int = 0
    """The last record that retention is known to have taken; 0 for none."""
    open_tasks: int = 0
    streams: int = 0
    book: str = ""
    notes: list[str] = []
    """What is not wrong, but should be known."""
    compared_with: str = ""

    def judge(self, said: str, finding: Finding) -> None:
        """Count the check of one verdict."""
        self.verdicts.setdefault(said, Counter())[finding.value] += 1

    def tell(self, problem: Problem) -> None:
        """Keep one problem."""
        self.problem_counts[problem.kind] += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)

    def total(self, finding: Finding) -> int:
        """Verdicts with this finding."""
        return sum(counts[finding.value] for counts in self.verdicts.values())

    @property
    def wrong(self) -> bool:
        """Whether anything contradicts, is altered, missing or differs from the book."""
        return any(kind != Finding.UNTOLD.value for kind in self.problem_counts)

    @property
    def sure(self) -> bool:
        """Whether there is something to go by, every verdict is confirmed, and nothing is wrong."""
        return self.records > 0 and not self.problem_counts

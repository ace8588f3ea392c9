"""What a run of a test leaves behind: facts, a line each, on disk before the run goes on.

The process that writes them is killed without cleanup, so a fact is one ``os.write`` at the moment
it happens, which a dying process cannot take back.
"""

import json
import os
from pathlib import Path
from typing import Final, NamedTuple

from afterword.testing.effects import Effect


class Opened(NamedTuple):
    """A task was handed over."""

    task: int
    """1, 2, 3 … in the order of handing over."""
    root: int
    """1, 2, 3 … among the tasks that no other task handed over: itself, or the one it comes from.
    The same number in every run of the test."""
    name: str
    function: str
    payload: str | None
    omitted: str
    """Why there is no payload, or not all of it."""


class Ended(NamedTuple):
    """A task ended by itself."""

    task: int


class Happened(NamedTuple):
    """An effect on the world outside."""

    root: int
    """Of the task that did it; 0 if no task did."""
    name: str
    identity: list[str | int | bool | None]
    idempotent: bool

    @property
    def effect(self) -> Effect:
        """As the test knows it."""
        return Effect(self.name, tuple(self.identity), self.idempotent)


class Suspended(NamedTuple):
    """A task gave way to the event loop."""

    number: int
    """1, 2, 3 … over all tasks of the run."""
    task: int
    where: str


class RanAgain(NamedTuple):
    """A task that was cut off was run again, to its end."""

    task: int
    problem: str
    """Why it could not be run, or what it raised; empty if it completed."""


Fact = Opened | Ended | Happened | Suspended | RanAgain

_KINDS: Final = {kind.__name__: kind for kind in (Opened, Ended, Happened, Suspended, RanAgain)}


class FactWriter:
    """Appends facts to a file."""

    def __init__(self, path: Path) -> None:
        self._descriptor: Final = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, fact: Fact) -> None:
        """Append a fact; it is in the kernel's hands when this returns. From any thread."""
        os.write(self._descriptor, (json.dumps([type(fact).__name__, *fact]) + "\n").encode())


class Observed(NamedTuple):
    """All that one run did."""

    opened: tuple[Opened, ...] = ()
    ended: tuple[Ended, ...] = ()
    happened: tuple[Happened, ...] = ()
    suspended: tuple[Suspended, ...] = ()
    ran_again: tuple[RanAgain, ...] = ()

    @property
    def roots(self) -> frozenset[int]:
        """The roots that were handed over."""
        return frozenset(each.root for each in self.opened)

    @property
    def cut_off(self) -> tuple[Opened, ...]:
        """The tasks that had not ended: each would have a dead letter."""
        ended = {each.task for each in self.ended}
        return tuple(each for each in self.opened if each.task not in ended)


def read(path: Path) -> Observed:
    """What was written to the file; nothing if there is none."""
    if not path.exists():
        return Observed()
    facts = [_fact(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    return Observed(
        tuple(fact for fact in facts if isinstance(fact, Opened)),
        tuple(fact for fact in facts if isinstance(fact, Ended)),
        tuple(fact for fact in facts if isinstance(fact, Happened)),
        tuple(fact for fact in facts if isinstance(fact, Suspended)),
        tuple(fact for fact in facts if isinstance(fact, RanAgain)),
    )


def _fact(written: list[object]) -> Fact:
    kind: type[Fact] = _KINDS[str(written[0])]
    return kind(*written[1:])  # type: ignore[arg-type] # as FactWriter wrote them

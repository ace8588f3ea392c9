"""Effects: what a task did to the world outside, as a test's fakes tell it."""

from pathlib import Path
from typing import Final, NamedTuple, Protocol

Identity = str | int | bool | None


class Effect(NamedTuple):
    """One thing done to the world outside: ``charged``, with what it was done to."""

    name: str
    identity: tuple[Identity, ...] = ()
    """What tells one such effect from another, and is the same in every run of the test."""
    idempotent: bool = False
    """Done twice it changes nothing more than done once."""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.identity))})"


class EffectLog(Protocol):
    """Where effects are kept."""

    def append(self, effect: Effect) -> None:
        """Keep an effect; it is kept when this returns. From any thread."""

    def effects(self) -> tuple[Effect, ...]:
        """All that are kept, in their order."""


class EffectsInMemory:
    """The log of an ordinary test run."""

    def __init__(self) -> None:
        self._effects: Final[list[Effect]] = []

    def append(self, effect: Effect) -> None:
        """Keep an effect."""
        self._effects.append(effect)

    def effects(self) -> tuple[Effect, ...]:
        """All that are kept."""
        return tuple(self._effects)


class DeferredEffects:
    """The outside world of a test: what was done to it, which survives the process that did it."""

    def __init__(self, log: EffectLog, directory: Path) -> None:
        self._log: Final = log
        self.directory: Final = directory
        """For files that belong to the outside world (a database): a task that is run again after
        a cut finds them as they were left."""

    def record(self, name: str, *identity: Identity, idempotent: bool = False) -> None:
        """Tell that something happened to the world outside; call it where it happens.

        Args:
            name: What happened: ``charged``.
            identity: What it happened to, the same in every run: an order's id.
            idempotent: That it happens again does no harm.

        Raises:
            TypeError: The identity has a value that is no string, number, boolean or ``None``.
        """
        for value in identity:
            if not isinstance(value, str | int | bool | None):
                raise TypeError(
                    f"deferred_effects.record({name!r}, {value!r}): identify an effect by strings "
                    "and whole numbers, which are the same in every run"
                )
        self._log.append(Effect(name, identity, idempotent))

    def happened(self, name: str, *identity: Identity) -> bool:
        """Whether it happened, in this run or in the one that was cut off before it.

        For fakes that deduplicate as the real thing would.
        """
        return self.count(name, *identity) > 0

    def count(self, name: str, *identity: Identity) -> int:
        """How often it happened."""
        return sum((name, identity) == effect[:2] for effect in self._log.effects())

    @property
    def recorded(self) -> tuple[Effect, ...]:
        """All effects so far, in their order."""
        return self._log.effects()

    def __repr__(self) -> str:
        return f"<deferred effects: {', '.join(map(str, self.recorded)) or 'none'}>"

"""One run of a test in a process of its own: told as it goes, and killed where it is to be."""

import os
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Final

from afterword import settings, wrapping
from afterword.evidence import Opening, Record, Settled
from afterword.suspension import awaiting
from afterword.testing.effects import Effect
from afterword.testing.killing.observed import (
    Ended,
    FactWriter,
    Happened,
    Opened,
    RanAgain,
    Suspended,
    read,
)
from afterword.testing.killing.steps import Steps, root
from afterword.testing.recording import RecordingDelivery, kept_in_memory
from afterword.tracked import Tracked

CUT_STATUS: Final = 86
"""Exit status of a process that killed itself where it was to."""

current: "Run | None" = None
"""Of this process."""


class Run:
    """What this run tells, and where it dies. It is the log of the test's effects, too."""

    def __init__(
        self, facts: Path, world: Path, *, cut_at: int = 0, earlier: Path | None = None
    ) -> None:
        self.world: Final = world
        """The directory that belongs to the outside world."""
        self.delivery: RecordingDelivery
        """Set while it goes on."""
        self._pid: Final = os.getpid()
        self._facts: Final = FactWriter(facts)
        self._cut_at: Final = cut_at
        """At which suspension to die; 0 for none."""
        happened = read(earlier).happened if earlier is not None else ()
        self._effects: Final = [each.effect for each in happened]
        self._opened: Final[dict[int, Opened]] = {}
        """By ``id()`` of the opening."""
        self._roots = 0
        self._suspensions = 0
        self._lock: Final = RLock()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Everything that this process defers meanwhile is part of the run."""
        global current  # noqa: PLW0603 - a process is one run
        with kept_in_memory() as self.delivery, self.delivery.heard_by(self._hear):
            # For code that configures Afterword in the test, and for what is configured already.
            os.environ["AFTERWORD_CAPTURE"] = "true"
            settings.restore(settings.current()._replace(capture=True))
            wrapping.interposed = self._interpose
            current = self
            try:
                yield
            finally:
                current = wrapping.interposed = None

    def append(self, effect: Effect) -> None:
        """Keep an effect, on disk before anything else happens."""
        with self._lock:
            self._effects.append(effect)
            self._facts.write(
                Happened(root.get(), effect.name, list(effect.identity), effect.idempotent)
            )

    def effects(self) -> tuple[Effect, ...]:
        """All effects, those first that happened before the cut."""
        return tuple(self._effects)

    def ran_again(self, task: int, problem: str) -> None:
        """Tell how it went to run a task again."""
        self._facts.write(RanAgain(task, problem))

    def _hear(self, record: Record) -> None:
        if os.getpid() != self._pid:
            return  # what the test forks is not followed
        with self._lock:
            if isinstance(record, Opening):
                self._facts.write(self._open(record))
            elif isinstance(record, Settled):
                self._facts.write(Ended(self._opened[id(record.opening)].task))

    def _open(self, opening: Opening) -> Opened:
        its_root = root.get()
        if not its_root:
            self._roots += 1
            its_root = self._roots
        opened = Opened(
            len(self._opened) + 1,
            its_root,
            opening.kind.name,
            opening.kind.function,
            opening.payload,
            opening.payload_omitted,
        )
        self._opened[id(opening)] = opened
        return opened

    def _interpose(self, awaitable: Awaitable[Any], tracked: Tracked) -> Awaitable[Any]:
        opened = self._opened.get(id(tracked.opening))
        if opened is None or os.getpid() != self._pid:
            return awaitable  # handed over before this run began, or in a process of its own

        def suspended(coroutine: object) -> None:
            with self._lock:
                self._suspensions += 1
                where = awaiting(coroutine)
                self._facts.write(Suspended(self._suspensions, opened.task, where))
                if self._suspensions == self._cut_at:
                    os._exit(CUT_STATUS)

        return Steps(awaitable, opened.root, suspended)

"""What a row of the suite is: a fault, what is expected of each of its tasks, and how it is run."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from worlds.faults.world import World

Delivery = Literal["spool", "http", "durable"]
"""How evidence travels; ``durable`` is HTTP where work begins only when its opening is safe."""

BOTH: Final[tuple[Delivery, ...]] = ("spool", "http")
SPOOL: Final[tuple[Delivery, ...]] = ("spool",)
HTTP: Final[tuple[Delivery, ...]] = ("http",)
ALL: Final[tuple[Delivery, ...]] = ("spool", "http", "durable")


class Verdict(NamedTuple):
    """How a task ended, in the words of the outcome table."""

    outcome: str
    reason: str
    basis: str

    def __str__(self) -> str:
        return f"{self.outcome}/{self.reason} ({self.basis})"


COMPLETED: Final = Verdict("completed", "completed", "observed")
FAILED: Final = Verdict("failed", "exception", "observed")
TIMED_OUT: Final = Verdict("timed_out", "timeout", "observed")
TIMEOUT_RAISED: Final = Verdict("timed_out", "raised", "observed")
CANCELLED: Final = Verdict("cancelled", "cancelled", "observed")
DISCONNECTED: Final = Verdict("cancelled", "disconnected", "observed")
NO_CONTEXT: Final = Verdict("dropped", "no_context", "observed")
REFUSED: Final = Verdict("dropped", "refused", "observed")
SKIPPED: Final = Verdict("dropped", "skipped", "observed")
ABANDONED: Final = Verdict("dropped", "abandoned", "observed")
SHUTDOWN: Final = Verdict("dropped", "shutdown", "observed")


def inferred(outcome: str, reason: str) -> Verdict:
    """A verdict from silence."""
    return Verdict(outcome, reason, "inferred")


def proven(outcome: str, reason: str) -> Verdict:
    """A verdict on a process whose lock fell."""
    return Verdict(outcome, reason, "proven")


LOST: Final = ("dropped", "instance_lost")
EXPIRED: Final = ("dropped", "expired")
STOPPED: Final = ("dropped", "shutdown")
OVERDUE: Final = ("timed_out", "platform_deadline")
EVIDENCE_LOST: Final = ("unknown", "evidence_lost")
NEVER_STARTED: Final = ("dropped", "never_started")


PATIENCE_SECONDS: Final = 1.0
"""What the sidecar under test takes for its clients' longest pause (``apps/sidecar.py``)."""
PROMISE_SECONDS: Final = 0.5
"""From the end of a task, or the fall of a lock, to the verdict: what is told travels for 0.2 s."""


class Expected(NamedTuple):
    """What the book must say of one task, once everything has come to rest."""

    verdicts: frozenset[Verdict]
    """Any of them is right; more than one only where the truth itself does not decide."""
    alarms: frozenset[Verdict] = frozenset()
    """What it may have said before (of a frozen process, an unreachable one), and took back by
    exactly one amendment. Any other change of mind is a false alarm."""
    sealed_at: float | None = None
    """When its fate was sealed, Unix seconds: the time to verdict runs from here, and no verdict
    may stand that came before."""
    promise_seconds: float = PROMISE_SECONDS
    """How long the verdict may take from there on a machine that is not busy."""
    due_at: float | None = None
    """It must not be called overdue, or expired, before this, Unix seconds."""
    began: bool = False
    """It took its first step, and the book must have that once."""
    start_may_die: bool = False
    """Its process was killed with evidence in memory: that it began may have gone along."""
    opening_may_die: bool = False
    """Its process was killed with evidence in memory: if the sidecar never acknowledged the
    opening, the task may be absent."""
    closing_may_die: bool = False
    """The same of its closing: if it was never acknowledged, the verdict may be an inference."""
    on_the_edge: bool = False
    """Its process was killed between the line in the truth and the hand-over: there may have been
    no task. At most one a process."""
    letter_kept: bool = True
    """Its dead letter, with its payload, must be there (not where a row overflows a buffer)."""

    @property
    def completes(self) -> bool:
        """Whether it truly completed."""
        return COMPLETED in self.verdicts


def expect(
    *verdicts: Verdict, sealed_at: float | None = None, promise_seconds: float = PROMISE_SECONDS
) -> Expected:
    """Expect any of these."""
    return Expected(frozenset(verdicts), sealed_at=sealed_at, promise_seconds=promise_seconds)


SOME: Final = -1
"""Evidence was lost, and the row cannot say how much."""


class Case(NamedTuple):
    """What a row leaves to the judge: what is expected of every task, by number."""

    expected: Mapping[int, Expected]
    notes: tuple[str, ...] = ()
    """What else went wrong that no task stands for (an error that was not clear, an exit code)."""
    held_up_until: float = 0.0
    """Evidence was kept from the sidecar until then, Unix seconds: promises run from there."""
    loses: int | None = 0
    """How many records the audit must miss; ``SOME`` where that cannot be counted, ``None`` where
    a killed process may have taken its last words along: nobody can miss what nobody told of."""
    safe: frozenset[int] | None = None
    """By spool, where it loses evidence: the tasks of which none was lost."""


class Fault(NamedTuple):
    """A row of the table."""

    name: str
    """Short, and unique; ``ONLY=`` finds it by a part of it."""
    modes: tuple[int, ...]
    """Rows of the table of ways in which deferred work is lost (``docs/faults.md``)."""
    deliveries: tuple[Delivery, ...]
    does: str
    """What is done to the processes, for the documentation."""
    expects: str
    """What the book is to say, for the documentation."""
    run: "Callable[[World], Case]"

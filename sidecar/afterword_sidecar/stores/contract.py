"""The one contract of every store, and its promises about order, durability and failure."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from afterword_sidecar.ledger.records import Changes, DeadLetter, Saved, SettledTask, TaskKey


class StoreError(Exception):
    """A store could not do what it was asked. Nothing of the failed call was kept.

    The message names the operation, the subject (file, table) and a hint what to do.
    """


class StoreHeld(StoreError):  # noqa: N818 - says what the store is
    """Another process has it: a sidecar that runs."""


class DeadLetterQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters. Conditions combine; an empty one does not restrict."""

    service: str = ""
    task: str = ""
    outcome: str = ""
    reason: str = ""
    error: str = ""
    """What it failed with: ``letters.error_of``."""
    state: Literal["", "open", "closed"] = ""
    """``closed``: late evidence showed that the task completed after all."""
    since: float | None = None
    """Pronounced at or after, Unix seconds."""
    until: float | None = None
    """Pronounced before, Unix seconds."""
    limit: int = 100
    cursor: str = ""
    """Opaque; from the page before."""


class DeadLetterPage(msgspec.Struct, frozen=True):
    """Newest first."""

    letters: list[DeadLetter]
    next_cursor: str = ""
    """Empty on the last page."""


class LossCount(msgspec.Struct, frozen=True):
    """How many dead letters of one kind were pronounced within one slot of time."""

    error: str
    """``letters.error_of``; empty where there was none, as for a process that was killed."""
    service: str
    task: str
    outcome: str
    reason: str
    slot: int
    """Unix seconds of the verdict, divided by the slot's length."""
    count: int


class Tally(msgspec.Struct, frozen=True):
    """A stretch of dead letters, counted."""

    counts: list[LossCount]
    """In no order."""
    examined: int
    """How many letters that is, those that the query does not take too."""
    next_cursor: str = ""
    """For the stretch before it; empty when all are counted."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept at most. The oldest dead letters go first; closed ones before open ones."""

    age_seconds: float
    count: int
    payload_bytes: int


class Pruned(msgspec.Struct, frozen=True):
    """What retention took."""

    keys: list[TaskKey]
    by_labels: dict[tuple[str, str, str], int]
    """How many open letters went, by (service label, task label, outcome)."""


PublishedAs = Literal["logs", "traces"]
"""A verdict's event, or the span that its task never sent: each waits for itself."""


class Unpublished(msgspec.Struct, frozen=True):
    """A dead letter whose latest verdict nobody upstream has confirmed."""

    number: int
    """Confirms this version of it, and no later one."""
    settled: SettledTask
    span_sent: bool
    """Upstream has the span that the task itself never sent."""


class Store(Protocol):
    """Keeps one book. Used from one thread at a time; the caller sees to that.

    Order: ``load`` once, before anything else; then ``commit`` in the order of the book's changes.
    Durability: when ``commit`` returns, its changes survive ``kill -9`` and power loss, whole; when
    it raises ``StoreError`` none of them is there, and the same changes may be tried again.
    Ownership: what is passed in is not kept or changed; what is returned is the caller's.
    """

    @property
    def book_id(self) -> str:
        """32 hex characters, made with the book and kept with it for ever."""

    def load(self) -> Saved:
        """The book as of the last commit; retired streams oldest first, all else in no order."""

    def commit(self, changes: Changes) -> None:
        """Make ``changes`` true, all or none. Raises ``StoreError``."""

    def dead_letters(self, query: DeadLetterQuery) -> DeadLetterPage:
        """A page, newest first. Raises ``StoreError``; ``ValueError`` for a foreign cursor."""

    def dead_letter(self, letter_id: str) -> tuple[DeadLetter, str | None] | None:
        """A dead letter and its payload; ``None`` if there is no such letter."""

    def tally(self, query: DeadLetterQuery, slot_seconds: int) -> Tally:
        """Count what ``query`` takes by kind and slot, newest first, ``query.limit`` at most.

        The limit is on the letters that are looked at, not on those that match, so that each call
        is short, and commits need not wait for a long count. Raises ``StoreError``; ``ValueError``
        for a foreign cursor.
        """

    def prune(self, retention: Retention, now: float) -> Pruned:
        """Take what is beyond ``retention``, payloads erased. Raises ``StoreError``.

        Bounded (``limits.PRUNED_AT_ONCE``): call again until it takes nothing. Call it every minute
        or so in any case: it is also when traces of erased payloads leave the disk of an idle book.
        """

    def unpublished(self, limit: int, signal: PublishedAs) -> tuple[list[Unpublished], int]:
        """What is to be published as this signal, longest waiting first; how many wait in all.

        Only what was committed by a store that was told to note it (``notes_unpublished``).
        Raises ``StoreError``.
        """

    def published(
        self,
        numbers: Sequence[int],
        signals: Sequence[PublishedAs],
        spans: Sequence[TaskKey] = (),
    ) -> None:
        """Upstream has of these versions what goes as ``signals``, and the spans of these letters.

        Once that is both signals they wait no more. Raises ``StoreError``.
        """

    def close(self) -> None:
        """Release the book. Idempotent."""

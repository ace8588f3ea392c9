"""A store that writes each commit's group into the journal first, and its mark with the commit."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.book import Group
from afterword_sidecar.journal.errors import JournalError
from afterword_sidecar.journal.holding import hold
from afterword_sidecar.journal.opening import resume
from afterword_sidecar.journal.recording import (
    Sums,
    fact_record,
    standing_record,
    verdict_record,
)
from afterword_sidecar.journal.writing import JournalWriter, Keeping
from afterword_sidecar.ledger.records import Changes, DeadLetter, Saved, SettledTask, TaskKey
from afterword_sidecar.stores.contract import (
    DeadLetterPage,
    DeadLetterQuery,
    Pruned,
    PublishedAs,
    Retention,
    Store,
    Tally,
    Unpublished,
)

log = logging.getLogger(__name__)


class JournaledStore:
    """Another store, with a journal beside it, as ``contract.Store`` says.

    A journal that cannot be written fails the commit, and nothing of either is kept: no evidence
    is acknowledged that is not in the journal.
    """

    def __init__(
        self, store: Store, directory: Path, keeping: Keeping, clock: Callable[[], float]
    ) -> None:
        """Hold the directory. Raises ``JournalError``."""
        self._store, self._directory = store, directory
        self._keeping, self._clock = keeping, clock
        self._writer: JournalWriter | None = None
        self._sums = Sums([])
        self._taken: Changes | None = None
        """The last changes that were asked for; tried again, they are the same object."""
        self._records: list[shapes.Record] = []
        self._standing = shapes.Standing({}, (0.0, 0.0, 0.0), {})
        self._mark = b""
        """Where their group ends in the journal, once it is written."""
        self.groups: deque[Group] = deque()
        """What ``JournaledBook`` leaves for each commit."""
        self.cut = 0
        """Records removed at ``load``: their commit never came to be."""
        with self._doing("open journal"):
            self._lock = hold(directory)

    @property
    def book_id(self) -> str:
        """That of the store."""
        return self._store.book_id

    def load(self) -> Saved:
        """The book as of the last commit; the journal goes on from there. Raises ``StoreError``."""
        saved = self._store.load()
        with self._doing("open journal"):
            self._writer, self.cut = resume(
                self._directory, self.book_id, saved.mark, self._keeping, self._clock
            )
        self._sums = Sums(saved.totals)
        return saved

    def commit(self, changes: Changes) -> None:
        """The group, then the changes with its mark. The same changes may be tried again."""
        if self._writer is None:
            raise JournalError("write journal", self._directory, "not opened", "load comes first")
        if changes.empty:
            return  # the book left no group for it
        if changes is not self._taken:
            self._take(self.groups[0])
            self.groups.popleft()
            # Only now: what fails before is to be taken again, and not what was before it.
            self._taken, self._mark = changes, b""
        if not self._mark:
            with self._doing("write journal"):
                self._mark = self._writer.write(self._records, self._standing).text()
        self._store.commit(replace(changes, mark=self._mark))
        try:
            self._writer.delete_pruned()
        except OSError as error:
            log.warning("old segments of the journal could not be deleted: %s", error)

    def _take(self, group: Group) -> None:
        records = list(map(_record, group.noted))
        standing = standing_record(group.limits, group.patience, self._sums.values)
        changed = self._sums.take(group.totals)
        self._records, self._standing = [*records, shapes.Commit(changed)], standing

    def dead_letters(self, query: DeadLetterQuery) -> DeadLetterPage:
        """The store's answer."""
        return self._store.dead_letters(query)

    def dead_letter(self, letter_id: str) -> tuple[DeadLetter, str | None] | None:
        """The store's answer."""
        return self._store.dead_letter(letter_id)

    def tally(self, query: DeadLetterQuery, slot_seconds: int) -> Tally:
        """The store's answer."""
        return self._store.tally(query, slot_seconds)

    def prune(self, retention: Retention, now: float) -> Pruned:
        """The store's answer; the book notes what it is told of it."""
        return self._store.prune(retention, now)

    def unpublished(self, limit: int, signal: PublishedAs) -> tuple[list[Unpublished], int]:
        """The store's answer."""
        return self._store.unpublished(limit, signal)

    def published(
        self,
        numbers: Sequence[int],
        signals: Sequence[PublishedAs],
        spans: Sequence[TaskKey] = (),
    ) -> None:
        """The store's business."""
        self._store.published(numbers, signals, spans)

    def close(self) -> None:
        """Release both. Idempotent."""
        self._store.close()
        self.let_go()

    def let_go(self) -> None:
        """Release the journal alone. Idempotent."""
        if self._writer is not None:
            self._writer.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @contextmanager
    def _doing(self, operation: str) -> Iterator[None]:
        try:
            yield
        except JournalError:
            raise
        except OSError as error:
            raise JournalError(
                operation,
                self._directory,
                error.strerror or error,
                "see to its volume and its rights; nothing was kept, the same is tried again",
            ) from error


def _record(noted: object) -> shapes.Record:
    if isinstance(noted, SettledTask):
        return verdict_record(noted)
    if isinstance(noted, shapes.Deed):
        return noted
    return fact_record(noted)  # type: ignore[arg-type] # what is left of ``Noted``

"""The SQLite store: one file, one connection, one transaction a commit."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from afterword_sidecar.ledger.records import Changes, DeadLetter, Saved, TaskKey
from afterword_sidecar.stores.contract import (
    DeadLetterPage,
    DeadLetterQuery,
    Pruned,
    PublishedAs,
    Retention,
    StoreError,
    Tally,
    Unpublished,
)
from afterword_sidecar.stores.positions import beginning_of, key_from
from afterword_sidecar.stores.sqlite import (
    dead_letters,
    payloads,
    retention,
    streams,
    tallies,
    totals,
    unpublished,
)
from afterword_sidecar.stores.sqlite.book_file import open_book
from afterword_sidecar.stores.sqlite.connection import Connect, connect, transaction
from afterword_sidecar.stores.sqlite.errors import damaged, store_error
from afterword_sidecar.stores.sqlite.interning import Interned
from afterword_sidecar.stores.sqlite.log import OpeningsLog
from afterword_sidecar.stores.sqlite.openings import Cleaning, Plan
from afterword_sidecar.stores.sqlite.taken_away import Whereabouts

TRUNCATE_SECONDS: Final = 5.0
"""How often the write-ahead log is cut off at most, to be rid of erased payloads."""

_DAMAGE: Final = (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError)
"""What reading raises when a row is not as we wrote it: a zeroed page gives NULL for NOT NULL."""

_log = logging.getLogger(__name__)


class SqliteStore:
    """Keeps a book in an SQLite database, as ``contract.Store`` says.

    Erased payloads are overwritten in the database at once. Copies in the write-ahead log go when
    it is cut off: with the first ``commit`` or ``prune`` that comes ``TRUNCATE_SECONDS`` or more
    after it was last cut off, and with ``close``. Call ``prune`` now and then, as retention asks
    anyway, and an erased payload is nowhere in the files after that interval and those seconds.

    What it costs (``benchmarks/store.py``; a busy machine, CPython 3.11, SQLite 3.40; CPU time,
    in commits of 500 openings or 1,000 closings): 1.8 to 2.5 µs an opening, all of SQLite included
    (of them 0.7 to encode it), 1 to 2.6 µs a closing, 12 to 16 µs a closing with its dead letter;
    a commit of the last kind takes 1.2 times as long with a million open as with ten thousand. An
    open task takes 53 bytes of memory and 75 on disk; a million are loaded in 1.3 to 1.8 seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        cleaning: Cleaning | None = None,
        notes_unpublished: bool = False,
        connect: Connect = connect,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the book at ``path``, or make one. Raises ``StoreError``, at once if it is held.

        ``notes_unpublished``: letters committed from now on are to be published.
        """
        self._path = path
        self._notes_unpublished = notes_unpublished
        self._clock = clock
        self._closed = False
        self._connection, self._book_id = open_book(path, connect)
        self._whereabouts = Whereabouts(path)
        self._log = OpeningsLog(self._connection, cleaning)
        self._erased = False
        self._truncated_at = clock()

    @property
    def book_id(self) -> str:
        """32 hex characters, made with the book and kept with it for ever."""
        return self._book_id

    def load(self) -> Saved:
        """The book as of the last commit. Raises ``StoreError``."""
        with self._doing("load book"):
            interned = Interned()
            return Saved(
                open_tasks=self._log.load(),
                streams=streams.load(self._connection, interned),
                retired=streams.retired(self._connection),
                totals=totals.load(self._connection),
                amendable=dead_letters.load_amendable(self._connection, interned),
                dead_letters_open=dead_letters.load_open(self._connection),
                mark=self._mark(),
            )

    def commit(self, changes: Changes) -> None:
        """Make ``changes`` true, all or none. Raises ``StoreError``."""
        if changes.empty:
            return
        with self._doing("commit", damage=(msgspec.DecodeError,)):
            self._whereabouts.check()
            plan = self._log.plan(changes)
            with transaction(self._connection):
                self._log.write(plan)
                self._write_letters(changes, plan)
                streams.put(self._connection, changes.streams)
                streams.retire(self._connection, changes.retired)
                totals.put(self._connection, changes.totals)
                if changes.mark:
                    self._connection.execute("UPDATE book SET mark = ?", (changes.mark,))
            self._log.committed(plan)
        self._cut_off_if_due()

    def dead_letters(self, query: DeadLetterQuery) -> DeadLetterPage:
        """A page of dead letters, newest first. Raises ``StoreError``; ``ValueError`` as agreed."""
        begin = beginning_of(query)
        with self._doing("list dead letters"):
            return dead_letters.page(self._connection, query, begin)

    def dead_letter(self, letter_id: str) -> tuple[DeadLetter, str | None] | None:
        """A dead letter and its payload; ``None`` if there is no such letter."""
        key = key_from(letter_id)
        if key is None:
            return None
        with self._doing("read dead letter"):
            return dead_letters.read(self._connection, key)

    def tally(self, query: DeadLetterQuery, slot_seconds: int) -> Tally:
        """Count a stretch by kind and slot. Raises ``StoreError``; ``ValueError`` as agreed."""
        begin = beginning_of(query)
        with self._doing("count dead letters"):
            return tallies.tally(self._connection, query, begin, slot_seconds)

    def prune(self, retention_: Retention, now: float) -> Pruned:
        """Take what is beyond the retention, payloads erased: ``PRUNED_AT_ONCE`` at most."""
        with self._doing("prune"), transaction(self._connection):
            pruned = retention.prune(self._connection, retention_, now)
        self._erased = self._erased or bool(pruned.keys)
        self._cut_off_if_due()
        return pruned

    def unpublished(self, limit: int, signal: PublishedAs) -> tuple[list[Unpublished], int]:
        """What is to be published as ``signal``, longest waiting first; how many wait in all."""
        with self._doing("read unpublished verdicts"):
            return unpublished.read(self._connection, limit, signal)

    def published(
        self,
        numbers: Sequence[int],
        signals: Sequence[PublishedAs],
        spans: Sequence[TaskKey] = (),
    ) -> None:
        """Upstream has of these versions what goes as ``signals``, and these letters' spans."""
        with self._doing("confirm published verdicts"), transaction(self._connection):
            unpublished.confirm(self._connection, numbers, signals, spans)

    def close(self) -> None:
        """Release the book; SQLite empties the write-ahead log into it. Idempotent."""
        if not self._closed:
            self._closed = True
            self._connection.close()

    def _mark(self) -> bytes:
        (mark,) = self._connection.execute("SELECT mark FROM book").fetchone()
        return bytes(mark)

    def _write_letters(self, changes: Changes, plan: Plan) -> None:
        """Payloads, then the letters that count them, then the erasing of what no letter keeps."""
        letters: set[TaskKey] = {row.letter.settled.key for row in changes.dead_letters}
        brought = {
            key: text
            for key, text in changes.payloads.items()
            if key in plan.opened or key in letters
        }
        brought |= {
            row.letter.settled.key: row.payload
            for row in changes.dead_letters
            if row.payload is not None
        }
        payloads.put(self._connection, brought)
        dead_letters.put(self._connection, changes.dead_letters)
        if self._notes_unpublished:
            unpublished.note(
                self._connection, [row.letter.settled.key for row in changes.dead_letters]
            )
        payloads.erase(self._connection, plan.erased)
        self._erased = self._erased or bool(plan.erased or brought)

    def _cut_off_if_due(self) -> None:
        if not self._erased or self._clock() - self._truncated_at < TRUNCATE_SECONDS:
            return
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            # What was committed is durable; the log is longer than it should be, and that is all.
            _log.warning("%s", store_error("cut off the write-ahead log", self._path, error))
            return
        self._truncated_at = self._clock()
        self._erased = False

    @contextmanager
    def _doing(
        self, operation: str, damage: tuple[type[Exception], ...] = _DAMAGE
    ) -> Iterator[None]:
        """Say what fails as a ``StoreError`` that names ``operation`` and the file."""
        if self._closed:
            raise StoreError(f"{operation}: {self._path}: the book is closed; open it again")
        try:
            yield
        except sqlite3.Error as error:
            raise store_error(operation, self._path, error) from error
        except damage as error:
            raise damaged(operation, self._path, error) from error

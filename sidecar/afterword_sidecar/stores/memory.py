"""A book kept in memory: the whole contract but durability. For tests, and for a first look."""

import secrets
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Final

from afterword_sidecar.ledger.letters import without_texts
from afterword_sidecar.ledger.records import (
    Changes,
    DeadLetter,
    DeadLetterRow,
    OpenTask,
    Saved,
    StreamState,
    TaskKey,
    Total,
)
from afterword_sidecar.stores.contract import (
    DeadLetterPage,
    DeadLetterQuery,
    LossCount,
    Pruned,
    PublishedAs,
    Retention,
    StoreError,
    Tally,
    Unpublished,
)
from afterword_sidecar.stores.letters import (
    amendable,
    completed_by,
    error_of,
    labels_of,
    matches,
)
from afterword_sidecar.stores.limits import PRUNED_AT_ONCE, RETIRED_AT_MOST
from afterword_sidecar.stores.positions import beginning_of, cursor_of, key_from, position_of

_SUBJECT: Final = "the book in memory"
_BOTH: Final[frozenset[PublishedAs]] = frozenset(("logs", "traces"))


class MemoryStore:
    """Keeps a book as long as the object lives, as ``contract.Store`` says."""

    def __init__(self, *, notes_unpublished: bool = False) -> None:
        self._book_id = secrets.token_hex(16)
        self._notes_unpublished = notes_unpublished
        self._numbers = count(1)
        self._unpublished: dict[TaskKey, tuple[int, frozenset[PublishedAs]]] = {}
        """By key: the version's number, and what of it waits."""
        self._spans_sent: set[TaskKey] = set()
        self._closed = False
        self._open: dict[TaskKey, OpenTask] = {}
        self._payloads: dict[TaskKey, str] = {}
        self._streams: dict[bytes, StreamState] = {}
        self._retired: dict[bytes, None] = {}
        self._totals: dict[tuple[str, tuple[str, ...]], Total] = {}
        self._letters: dict[TaskKey, DeadLetter] = {}
        self._mark = b""

    @property
    def book_id(self) -> str:
        """32 hex characters, made with the book."""
        return self._book_id

    def load(self) -> Saved:
        """The book as of the last commit."""
        self._check("load book")
        letters = self._letters.values()
        return Saved(
            open_tasks=list(self._open.values()),
            streams=list(self._streams.values()),
            retired=list(self._retired),
            totals=list(self._totals.values()),
            amendable=[without_texts(each.settled) for each in letters if amendable(each)],
            dead_letters_open=dict(
                Counter(labels_of(each) for each in letters if each.closed_at is None)
            ),
            mark=self._mark,
        )

    def commit(self, changes: Changes) -> None:
        """Make ``changes`` true."""
        self._check("commit")
        if changes.empty:
            return
        self._write_tasks(changes)
        for state in changes.streams:
            self._streams[state.source.stream] = state
        for stream in changes.retired:
            self._streams.pop(stream, None)
            self._retired.setdefault(stream)
        for stream in list(self._retired)[:-RETIRED_AT_MOST]:
            del self._retired[stream]
        for total in changes.totals:
            self._totals[(total.metric, total.labels)] = total
        self._mark = changes.mark or self._mark

    def dead_letters(self, query: DeadLetterQuery) -> DeadLetterPage:
        """A page of dead letters, newest first. Raises ``ValueError`` for a foreign cursor."""
        self._check("list dead letters")
        begin = beginning_of(query)
        found = [each for each in self._letters.values() if matches(query, each)]
        found = sorted((each for each in found if position_of(each) < begin), key=position_of)
        shown = found[::-1][: query.limit]
        more = len(found) > len(shown)
        return DeadLetterPage(shown, cursor_of(position_of(shown[-1])) if more else "")

    def dead_letter(self, letter_id: str) -> tuple[DeadLetter, str | None] | None:
        """A dead letter and its payload; ``None`` if there is no such letter."""
        self._check("read dead letter")
        key = key_from(letter_id)
        letter = None if key is None else self._letters.get(key)
        return None if letter is None or key is None else (letter, self._payloads.get(key))

    def tally(self, query: DeadLetterQuery, slot_seconds: int) -> Tally:
        """Count a stretch by kind and slot. Raises ``ValueError`` for a foreign cursor."""
        self._check("count dead letters")
        begin = beginning_of(query)
        within = DeadLetterQuery(since=query.since, until=query.until)
        found = [each for each in self._letters.values() if matches(within, each)]
        found = sorted((each for each in found if position_of(each) < begin), key=position_of)
        stretch = found[::-1][: query.limit]
        kinds = Counter(_kind(each, slot_seconds) for each in stretch if matches(query, each))
        more = len(found) > len(stretch)
        cursor = cursor_of(position_of(stretch[-1])) if more else ""
        return Tally([LossCount(*kind, n) for kind, n in kinds.items()], len(stretch), cursor)

    def prune(self, retention: Retention, now: float) -> Pruned:
        """Take what is beyond ``retention``: ``PRUNED_AT_ONCE`` at most."""
        self._check("prune")
        taken = self._beyond(retention, now)
        for key in taken:
            self._payloads.pop(key, None)
            self._unpublished.pop(key, None)
            self._spans_sent.discard(key)
        letters = [self._letters.pop(key) for key in taken]
        by_labels = Counter(labels_of(each) for each in letters if each.closed_at is None)
        return Pruned(taken, dict(by_labels))

    def unpublished(self, limit: int, signal: PublishedAs) -> tuple[list[Unpublished], int]:
        """What is to be published as ``signal``, longest waiting first; how many wait in all."""
        self._check("read unpublished verdicts")
        waiting = sorted(
            (number, key) for key, (number, left) in self._unpublished.items() if signal in left
        )
        found = [
            Unpublished(number, self._letters[key].settled, key in self._spans_sent)
            for number, key in waiting[:limit]
        ]
        return found, len(self._unpublished)

    def published(
        self,
        numbers: Sequence[int],
        signals: Sequence[PublishedAs],
        spans: Sequence[TaskKey] = (),
    ) -> None:
        """Upstream has of these versions what goes as ``signals``, and these letters' spans."""
        self._check("confirm published verdicts")
        confirmed = set(numbers)
        waiting = {
            key: (number, left.difference(signals) if number in confirmed else left)
            for key, (number, left) in self._unpublished.items()
        }
        self._unpublished = {key: each for key, each in waiting.items() if each[1]}
        self._spans_sent |= self._letters.keys() & set(spans)

    def close(self) -> None:
        """Refuse everything from now on. Idempotent."""
        self._closed = True

    def _write_tasks(self, changes: Changes) -> None:
        for task in changes.opened:
            self._open[(task.source.stream, task.sequence)] = task
        self._payloads |= changes.payloads
        for row in changes.dead_letters:
            self._put_letter(row)
        for key in changes.closed:
            self._open.pop(key, None)
        for key in [*changes.closed, *changes.payloads]:
            if key not in self._open and key not in self._letters:
                self._payloads.pop(key, None)

    def _put_letter(self, row: DeadLetterRow) -> None:
        key = row.letter.settled.key
        earlier = self._letters.get(key) if row.keeps_texts else None
        self._letters[key] = completed_by(row.letter, earlier)
        if row.payload is not None:
            self._payloads[key] = row.payload
        if self._notes_unpublished:
            self._unpublished[key] = (next(self._numbers), _BOTH)

    def _beyond(self, retention: Retention, now: float) -> list[TaskKey]:
        def bytes_of(key: TaskKey) -> int:
            return len(self._payloads.get(key, "").encode())

        oldest = sorted(self._letters.values(), key=lambda each: each.settled.verdict.at)
        limit = now - retention.age_seconds
        aged = [each.settled.key for each in oldest if each.settled.verdict.at < limit]
        aged = aged[:PRUNED_AT_ONCE]
        left = [each for each in oldest if each.settled.key not in set(aged)]
        letters = len(left) - retention.count
        size = sum(bytes_of(each.settled.key) for each in left) - retention.payload_bytes
        chosen: list[TaskKey] = []
        for letter in sorted(left, key=lambda each: each.closed_at is None):
            key = letter.settled.key
            if (letters <= 0 and size <= 0) or len(aged) + len(chosen) >= PRUNED_AT_ONCE:
                break
            if letters > 0 or bytes_of(key):
                chosen.append(key)
                letters -= 1
                size -= bytes_of(key)
        return aged + chosen

    def _check(self, operation: str) -> None:
        if self._closed:
            raise StoreError(f"{operation}: {_SUBJECT}: the book is closed; make a new one")


def _kind(letter: DeadLetter, slot_seconds: int) -> tuple[str, str, str, str, str, int]:
    settled = letter.settled
    opening, verdict = settled.opening, settled.verdict
    slot = int(verdict.at // slot_seconds)
    service, task = opening.source.service, opening.task
    return (error_of(settled), service, task, verdict.outcome, verdict.reason, slot)

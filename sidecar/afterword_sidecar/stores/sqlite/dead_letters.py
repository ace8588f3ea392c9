"""Dead letters: a row each, found by one covering index, paged by position and never by offset."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from afterword_sidecar.ledger.letters import without_texts
from afterword_sidecar.ledger.records import DeadLetter, DeadLetterRow, SettledTask, TaskKey
from afterword_sidecar.stores.contract import DeadLetterPage, DeadLetterQuery
from afterword_sidecar.stores.letters import (
    Labels,
    amendable,
    completed_by,
    error_of,
    labels_of,
)
from afterword_sidecar.stores.positions import Position, cursor_of, position_of
from afterword_sidecar.stores.sqlite import payloads
from afterword_sidecar.stores.sqlite.connection import Connection
from afterword_sidecar.stores.sqlite.interning import Interned

_PUT: Final = """
INSERT INTO dead_letters (
    stream, sequence, service, task, service_label, task_label,
    outcome, reason, pronounced_at, closed_at, amendable, letter, error, payload_bytes
) VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
    coalesce((SELECT length(payload) FROM payloads WHERE stream = ?1 AND sequence = ?2), 0)
)
ON CONFLICT (stream, sequence) DO UPDATE SET
    service = excluded.service,
    task = excluded.task,
    service_label = excluded.service_label,
    task_label = excluded.task_label,
    outcome = excluded.outcome,
    reason = excluded.reason,
    pronounced_at = excluded.pronounced_at,
    closed_at = excluded.closed_at,
    amendable = excluded.amendable,
    letter = excluded.letter,
    error = excluded.error,
    payload_bytes = excluded.payload_bytes
"""

BY_TIME: Final = """
FROM dead_letters INDEXED BY dead_letters_by_time
WHERE (pronounced_at, stream, sequence) < (:at, :stream, :sequence)
AND pronounced_at >= :since AND pronounced_at < :until
"""
CONDITIONS: Final = """
(:service = '' OR service = :service OR service_label = :service)
AND (:task = '' OR task = :task OR task_label = :task)
AND (:outcome = '' OR outcome = :outcome)
AND (:reason = '' OR reason = :reason)
AND (:error = '' OR error = :error)
AND (:state = '' OR (closed_at IS NULL) = (:state = 'open'))
"""
NEWEST_FIRST: Final = "ORDER BY pronounced_at DESC, stream DESC, sequence DESC"

_PAGE: Final = f"SELECT letter {BY_TIME} AND {CONDITIONS} {NEWEST_FIRST} LIMIT :limit"

_READ: Final = "SELECT letter FROM dead_letters WHERE stream = ? AND sequence = ?"
_AMENDABLE: Final = "SELECT letter FROM dead_letters WHERE amendable ORDER BY number"
_OPEN: Final = """
SELECT service_label, task_label, outcome, count(*) FROM dead_letters
WHERE closed_at IS NULL GROUP BY service_label, task_label, outcome
"""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(DeadLetter).decode


def put(connection: Connection, rows: Sequence[DeadLetterRow]) -> None:
    """Store letters; one of the same key is replaced. Their payloads are stored before."""
    connection.executemany(_PUT, [_parameters(_whole(connection, row)) for row in rows])


def _whole(connection: Connection, row: DeadLetterRow) -> DeadLetter:
    if not row.keeps_texts:
        return row.letter
    earlier = connection.execute(_READ, row.letter.settled.key).fetchone()
    return completed_by(row.letter, None if earlier is None else _decode(earlier[0]))


def _parameters(letter: DeadLetter) -> tuple[object, ...]:
    opening, verdict = letter.settled.opening, letter.settled.verdict
    service_label, task_label, outcome = labels_of(letter)
    return (
        opening.source.stream,
        opening.sequence,
        opening.source.service,
        opening.task,
        service_label,
        task_label,
        outcome,
        verdict.reason,
        verdict.at,
        letter.closed_at,
        amendable(letter),
        _encode(letter),
        error_of(letter.settled),
    )


def page(connection: Connection, query: DeadLetterQuery, begin: Position) -> DeadLetterPage:
    """The letters that ``query`` asks for, from the position ``begin`` on.

    Walks the index from the cursor on, so a rare match costs a walk over all that are kept (about
    0.2 µs each), reading no letter that is not shown.
    """
    conditions = conditions_of(query, begin) | {"limit": query.limit + 1}
    letters = [_decode(letter) for (letter,) in connection.execute(_PAGE, conditions)]
    shown = letters[: query.limit]
    more = len(letters) > len(shown)
    return DeadLetterPage(shown, cursor_of(position_of(shown[-1])) if more else "")


def conditions_of(query: DeadLetterQuery, begin: Position) -> dict[str, object]:
    """What ``BY_TIME`` and ``CONDITIONS`` are to be given."""
    at, stream, sequence = begin
    names = ("service", "task", "outcome", "reason", "error", "state")
    return {
        **{name: getattr(query, name) for name in names},
        "since": -math.inf if query.since is None else query.since,
        "until": math.inf if query.until is None else query.until,
        "at": at,
        "stream": stream,
        "sequence": sequence,
    }


def read(connection: Connection, key: TaskKey) -> tuple[DeadLetter, str | None] | None:
    """A letter and its payload; ``None`` if there is no such letter."""
    row = connection.execute(_READ, key).fetchone()
    return None if row is None else (_decode(row[0]), payloads.read(connection, key))


def load_amendable(connection: Connection, interned: Interned) -> list[SettledTask]:
    """What late evidence may amend, without messages and stacks."""
    return [
        _shared(_decode(letter).settled, interned) for (letter,) in connection.execute(_AMENDABLE)
    ]


def _shared(settled: SettledTask, interned: Interned) -> SettledTask:
    opening = settled.opening
    return replace(
        without_texts(settled),
        opening=replace(
            opening,
            source=interned.source(opening.source),
            series=interned.series(opening.series),
            task=interned.string(opening.task),
        ),
    )


def load_open(connection: Connection) -> dict[Labels, int]:
    """How many letters are open, by labels."""
    return {
        (service, task, outcome): count
        for service, task, outcome, count in connection.execute(_OPEN)
    }

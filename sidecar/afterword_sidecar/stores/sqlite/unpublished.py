"""Dead letters whose latest verdict is still to be published: noted with the commit that wrote it.

Only the key is noted, and the letter read when it is published: what changes twice meanwhile is
told once, as it then stands, and the room taken is bounded by the letters kept.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from afterword_sidecar.ledger.records import DeadLetter, TaskKey
from afterword_sidecar.stores.contract import PublishedAs, Unpublished
from afterword_sidecar.stores.sqlite.connection import Connection

_NOTE: Final = "INSERT OR REPLACE INTO unpublished (stream, sequence) VALUES (?, ?)"
_READ: Final[dict[PublishedAs, str]] = {
    "logs": """
SELECT unpublished.number, letter, span_sent
FROM unpublished INDEXED BY unpublished_logs JOIN dead_letters USING (stream, sequence)
WHERE unpublished.logs ORDER BY unpublished.number LIMIT ?
""",
    "traces": """
SELECT unpublished.number, letter, span_sent
FROM unpublished INDEXED BY unpublished_traces JOIN dead_letters USING (stream, sequence)
WHERE unpublished.traces ORDER BY unpublished.number LIMIT ?
""",
}
_COUNT: Final = "SELECT count(*) FROM unpublished"
_CONFIRM: Final[dict[PublishedAs, str]] = {
    "logs": "UPDATE unpublished SET logs = 0 WHERE number = ?",
    "traces": "UPDATE unpublished SET traces = 0 WHERE number = ?",
}
_DONE: Final = "DELETE FROM unpublished WHERE number = ? AND NOT (logs OR traces)"
_SPAN: Final = "UPDATE dead_letters SET span_sent = 1 WHERE stream = ? AND sequence = ?"

_decode: Final = msgspec.msgpack.Decoder(DeadLetter).decode


def note(connection: Connection, keys: Iterable[TaskKey]) -> None:
    """These letters have a verdict to be published; the caller's transaction."""
    connection.executemany(_NOTE, keys)


def read(connection: Connection, limit: int, signal: PublishedAs) -> tuple[list[Unpublished], int]:
    """The first ``limit`` of this signal, and how many there are of either."""
    found = [
        Unpublished(number, _decode(letter).settled, bool(span_sent))
        for number, letter, span_sent in connection.execute(_READ[signal], (limit,))
    ]
    (count,) = connection.execute(_COUNT).fetchone()
    return found, count


def confirm(
    connection: Connection,
    numbers: Sequence[int],
    signals: Sequence[PublishedAs],
    spans: Sequence[TaskKey],
) -> None:
    """Forget what is published; the caller's transaction."""
    each = [(number,) for number in numbers]
    for signal in signals:
        connection.executemany(_CONFIRM[signal], each)
    connection.executemany(_DONE, each)
    connection.executemany(_SPAN, spans)

"""Which dead letters go, and their going. The oldest first, closed ones before open ones."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from afterword_sidecar.ledger.records import TaskKey
from afterword_sidecar.stores.contract import Pruned, Retention
from afterword_sidecar.stores.letters import Labels
from afterword_sidecar.stores.limits import PRUNED_AT_ONCE
from afterword_sidecar.stores.sqlite.connection import Connection

_KEPT: Final = "SELECT letters, payload_bytes FROM kept"

_COLUMNS: Final = """
SELECT stream, sequence, service_label, task_label, outcome, closed_at, payload_bytes
FROM dead_letters
"""
_AGED: Final = f"{_COLUMNS} WHERE pronounced_at < ? ORDER BY pronounced_at LIMIT ?"
_CLOSED: Final = f"{_COLUMNS} WHERE closed_at IS NOT NULL ORDER BY pronounced_at"
_OPEN: Final = f"{_COLUMNS} WHERE closed_at IS NULL ORDER BY pronounced_at"

_TAKE: Final = "DELETE FROM dead_letters WHERE stream = ? AND sequence = ?"
_ERASE: Final = "DELETE FROM payloads WHERE stream = ? AND sequence = ?"


class _Candidate(NamedTuple):
    stream: bytes
    sequence: int
    service: str
    task: str
    outcome: str
    closed_at: float | None
    payload_bytes: int


def prune(connection: Connection, retention: Retention, now: float) -> Pruned:
    """Take what is beyond ``retention``, ``PRUNED_AT_ONCE`` at most; the caller's transaction."""
    taken = [
        _Candidate._make(row)
        for row in connection.execute(_AGED, (now - retention.age_seconds, PRUNED_AT_ONCE))
    ]
    _take(connection, taken)
    beyond = _beyond(connection, retention, PRUNED_AT_ONCE - len(taken))
    _take(connection, beyond)
    return _pruned(taken + beyond)


def _beyond(connection: Connection, retention: Retention, at_most: int) -> list[_Candidate]:
    """What exceeds the limits of count and bytes.

    While only bytes are too many, letters without a payload are passed over: taking one frees none.
    """
    letters, payload_bytes = connection.execute(_KEPT).fetchone()
    count, size = letters - retention.count, payload_bytes - retention.payload_bytes
    chosen: list[_Candidate] = []
    for candidate in _in_order(connection):
        if (count <= 0 and size <= 0) or len(chosen) >= at_most:
            break
        if count > 0 or candidate.payload_bytes:
            chosen.append(candidate)
            count -= 1
            size -= candidate.payload_bytes
    return chosen


def _in_order(connection: Connection) -> Iterator[_Candidate]:
    for sql in (_CLOSED, _OPEN):
        yield from map(_Candidate._make, connection.execute(sql))


def _take(connection: Connection, candidates: list[_Candidate]) -> None:
    keys = [(each.stream, each.sequence) for each in candidates]
    connection.executemany(_TAKE, keys)
    connection.executemany(_ERASE, keys)


def _pruned(taken: list[_Candidate]) -> Pruned:
    keys: list[TaskKey] = [(each.stream, each.sequence) for each in taken]
    by_labels: Counter[Labels] = Counter(
        (each.service, each.task, each.outcome) for each in taken if each.closed_at is None
    )
    return Pruned(keys, dict(by_labels))

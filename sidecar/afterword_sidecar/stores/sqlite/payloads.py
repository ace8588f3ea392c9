"""Payloads by key: of open tasks, and of dead letters once their task is open no longer.

A payload does not move when its task becomes a dead letter; it stays where the key finds it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from afterword_sidecar.ledger.records import TaskKey
from afterword_sidecar.stores.sqlite.connection import Connection

_KEYS: Final = "SELECT stream, sequence FROM payloads"
_READ: Final = "SELECT payload FROM payloads WHERE stream = ? AND sequence = ?"
_PUT: Final = """
INSERT INTO payloads (stream, sequence, payload) VALUES (?, ?, ?)
ON CONFLICT (stream, sequence) DO UPDATE SET payload = excluded.payload
"""
_ERASE: Final = """
DELETE FROM payloads WHERE stream = ?1 AND sequence = ?2
AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE stream = ?1 AND sequence = ?2)
"""


def keys(connection: Connection) -> set[TaskKey]:
    """The keys of all payloads."""
    return {(stream, sequence) for stream, sequence in connection.execute(_KEYS)}


def read(connection: Connection, key: TaskKey) -> str | None:
    """One payload; ``None`` if there is none."""
    row = connection.execute(_READ, key).fetchone()
    return None if row is None else bytes(row[0]).decode()


def put(connection: Connection, payloads: Mapping[TaskKey, str]) -> None:
    """Store payloads; one already there is replaced."""
    connection.executemany(
        _PUT, [(stream, number, text.encode()) for (stream, number), text in payloads.items()]
    )


def erase(connection: Connection, erased: Iterable[TaskKey]) -> None:
    """Erase payloads, except those of dead letters."""
    connection.executemany(_ERASE, erased)

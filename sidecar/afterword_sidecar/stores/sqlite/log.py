"""The log of openings in its table: carries out what ``openings`` plans."""

from typing import Final

from afterword_sidecar.ledger.records import Changes, OpenTask
from afterword_sidecar.stores.sqlite import payloads
from afterword_sidecar.stores.sqlite.connection import Connection
from afterword_sidecar.stores.sqlite.openings import Cleaning, Openings, Plan, StoredRow

_ALL: Final = "SELECT id, openings, closed FROM openings_log ORDER BY id"
_READ: Final = "SELECT openings FROM openings_log WHERE id = ?"
_WRITE: Final = "INSERT INTO openings_log (id, openings, closed) VALUES (?, ?, ?)"
_DROP: Final = "DELETE FROM openings_log WHERE id = ?"


class OpeningsLog:
    """The open tasks in the database."""

    def __init__(self, connection: Connection, cleaning: Cleaning | None = None) -> None:
        self._connection = connection
        self._cleaning = cleaning
        self._openings = Openings(cleaning)

    def load(self) -> list[OpenTask]:
        """All open tasks; begins anew if called again."""
        openings = Openings(self._cleaning)
        rows = map(StoredRow._make, self._connection.execute(_ALL))
        tasks = openings.replay(rows, payloads.keys(self._connection))
        self._openings = openings
        return tasks

    def plan(self, changes: Changes) -> Plan:
        """What ``changes`` does to the log. Reads only."""
        return self._openings.plan(changes.opened, changes.closed, changes.payloads, self._read)

    def write(self, plan: Plan) -> None:
        """Carry the plan out, in the caller's transaction.

        Rows are dropped first: the pages they free are used again by those written, and so are
        overwritten once and not twice.
        """
        self._connection.executemany(_DROP, [(row_id,) for row_id in plan.dropped])
        self._connection.executemany(_WRITE, plan.written)

    def committed(self, plan: Plan) -> None:
        """The plan's transaction is durable."""
        self._openings.apply(plan)

    def _read(self, row_id: int) -> bytes:
        (openings,) = self._connection.execute(_READ, (row_id,)).fetchone()
        return bytes(openings)

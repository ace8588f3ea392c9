"""The one connection the store uses, and how a transaction on it ends."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol


class Connection(Protocol):
    """What the store needs of ``sqlite3.Connection``; the power-loss test brings another one."""

    @property
    def in_transaction(self) -> bool:
        """True between BEGIN and the end of the transaction."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Any:
        """Run one statement; returns a cursor."""

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run one statement for each of ``parameters``."""

    def close(self) -> None:
        """Release the file."""


Connect = Callable[[Path], Connection]


def connect(path: Path) -> Connection:
    """A bare connection of the standard library's: no waiting for locks, no hidden transactions."""
    return sqlite3.connect(
        path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=64
    )


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All of the block, or nothing of it: COMMIT at its end, ROLLBACK if anything is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended it already, and then ROLLBACK itself would raise.
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise

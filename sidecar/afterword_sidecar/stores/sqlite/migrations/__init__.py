"""The schema as numbered steps: data, applied in order, never edited once released.

``PRAGMA user_version`` says how many a database has had. A step and its number are committed
together, all missing steps in one transaction: a database is at one version or at another.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from afterword_sidecar.stores.contract import StoreError
from afterword_sidecar.stores.sqlite.connection import Connection, transaction

STEPS: Final[tuple[str, ...]] = tuple(
    files(__name__).joinpath(name).read_text(encoding="utf-8")
    for name in (
        "0001_book.sql",
        "0002_unpublished.sql",
        "0003_mark.sql",
        "0004_errors.sql",
        "0005_unpublished_by_signal.sql",
    )
)
"""The SQL of each step; step n leads to version n."""

APPLICATION_ID: Final = 0x41465744
"""``AFWD``: says that a database is an Afterword book, to us and to ``file``."""

_NEW_BOOK: Final = "INSERT INTO book (book_id) VALUES (?)"


def identify(connection: Connection, path: Path, steps: Sequence[str] = STEPS) -> int:
    """The version of the book in the database, 0 if it is still empty. Changes nothing.

    Raises ``StoreError`` for a database that is not a book, or is of a newer version.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or version or application):
        raise StoreError(
            f"open book: {path}: this is a database, but not an Afterword book; name another file"
        )
    if version > len(steps):
        raise StoreError(
            f"open book: {path}: schema version {version} is newer than {len(steps)}, the newest "
            "this sidecar knows; start the version of Afterword that wrote it, or a newer one"
        )
    return int(version)


def migrate(connection: Connection, path: Path, steps: Sequence[str] = STEPS) -> None:
    """Bring the book to version ``len(steps)``; a new book gets its ``book_id``."""
    version = identify(connection, path, steps)
    if version == len(steps):
        return
    with transaction(connection):
        for step in steps[version:]:
            for statement in _statements(step):
                connection.execute(statement)
        if version == 0:
            connection.execute(_NEW_BOOK, (secrets.token_hex(16),))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")


def _statements(script: str) -> Iterator[str]:
    """The statements of ``script`` one by one: ``executescript`` would commit before it began."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""

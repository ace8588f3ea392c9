"""The database file: how it is made, locked, recognised, and set up.

WAL with ``synchronous=EXTRA``: a commit is one append and one sync, and survives power loss. In WAL
mode that is FULL; while the book is being made it also syncs the deletion of the first journal,
which after a power loss would otherwise come back and roll back the whole book.
``locking_mode=EXCLUSIVE``: no second sidecar can write the same book, no shared memory file is
needed, and SQLite's WAL-reset bug (two connections, before 3.51.3) cannot occur.
``secure_delete=ON``: what is deleted is overwritten; with its freed pages reused in the same
transaction this costs the log of openings nothing that could be measured.
``temp_store=MEMORY``: nothing of a payload is spilled to a temporary file.
A file is recognised as a book before anything in it is changed.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from afterword_sidecar.stores.contract import StoreError, StoreHeld
from afterword_sidecar.stores.sqlite.connection import Connect, Connection, connect
from afterword_sidecar.stores.sqlite.errors import store_error
from afterword_sidecar.stores.sqlite.holder import who_holds
from afterword_sidecar.stores.sqlite.migrations import identify, migrate

OLDEST_SQLITE: Final = (3, 37, 0)
"""The first with STRICT tables."""

WAL_PAGES: Final = 2_000
"""Pages (of 4 KiB) in the WAL at which a commit also checkpoints."""

PRAGMAS: Final = (
    "PRAGMA fullfsync = ON",  # macOS: its fsync alone does not reach the disk
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -2048",  # KiB: the log is appended and read once; more held only memory
    f"PRAGMA wal_autocheckpoint = {WAL_PAGES}",
    f"PRAGMA journal_size_limit = {2 * WAL_PAGES * 4096}",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


def open_book(path: Path, connect: Connect = connect) -> tuple[Connection, str]:
    """The book at ``path``, made if absent (mode 0600), locked, set up as said above; and its id.

    Raises ``StoreError``: another process holds it, it is no database, it cannot be made.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(
            f"open book: {path}: SQLite {sqlite3.sqlite_version} is too old; "
            f"use a Python that comes with SQLite {needed} or newer"
        )
    _make_private(path)
    try:
        connection = connect(path)
    except sqlite3.Error as error:
        raise store_error("open book", path, error) from error
    try:
        return connection, _set_up(connection, path)
    except BaseException:
        connection.close()
        raise


def _make_private(path: Path) -> None:
    """Payloads are inside: nobody but the owner reads it. The WAL gets the same mode from SQLite.

    An existing file is not opened here: closing it would drop this process's locks on it.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        with suppress(OSError):  # another owner's file: SQLite says next whether it can be used
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"open book: {path}: {error.strerror}; "
            "name a file in a directory that exists and that this user may write"
        ) from error


def _set_up(connection: Connection, path: Path) -> str:
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        identify(connection, path)  # reads, and so takes the lock or fails at once
        connection.execute("PRAGMA synchronous = EXTRA").fetchall()
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        for pragma in PRAGMAS:
            connection.execute(pragma).fetchall()
        migrate(connection, path)
        (book_id,) = connection.execute("SELECT book_id FROM book").fetchone()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise StoreHeld(
                f"open book: {path}: held by {who_holds(path)}; "
                "one sidecar keeps one book: stop that one, or give this one a file of its own"
            ) from error
        raise store_error("open book", path, error) from error
    if mode != "wal":
        raise StoreError(
            f"open book: {path}: SQLite cannot keep a write-ahead log here (journal mode {mode}); "
            "name a file on a local file system"
        )
    return str(book_id)

"""SQLite's errors, said as operation, subject and hint."""

import sqlite3
from pathlib import Path
from typing import Final

from afterword_sidecar.stores.contract import StoreError

# By the beginning of SQLite's own name for the error; the first match wins.
HINTS: Final = (
    ("SQLITE_FULL", "free space on its volume; nothing was kept, so the same can be tried again"),
    ("SQLITE_IOERR", "look at the volume (space, quota, kernel log); nothing was kept"),
    ("SQLITE_BUSY", "another process holds it: stop that one"),
    ("SQLITE_LOCKED", "another process holds it: stop that one"),
    ("SQLITE_READONLY", "make file and directory writable for this user"),
    ("SQLITE_PERM", "make file and directory writable for this user"),
    ("SQLITE_CANTOPEN", "see that its directory exists and that this user may write it"),
    ("SQLITE_CORRUPT", "keep a copy, then try `sqlite3 FILE .recover`, or begin a new book"),
    ("SQLITE_NOTADB", "this is not a database: name another file, or move this one away"),
)
_NO_HINT: Final = "see the cause above"


def store_error(operation: str, path: Path, cause: Exception) -> StoreError:
    """``cause`` as a ``StoreError``; raise it ``from`` the cause."""
    name = getattr(cause, "sqlite_errorname", "") if isinstance(cause, sqlite3.Error) else ""
    hint = next((hint for start, hint in HINTS if name.startswith(start)), _NO_HINT)
    return StoreError(f"{operation}: {path}: {cause} ({name or type(cause).__name__}); {hint}")


def damaged(operation: str, path: Path, cause: Exception) -> StoreError:
    """A row that SQLite reads and we do not."""
    return StoreError(
        f"{operation}: {path}: a row does not read as ours ({cause}); "
        "the file was changed by something else: restore a copy, or begin a new book"
    )

"""Whether the book's files are still where they were: a deleted file takes commits, and keeps none.

An open file that is deleted, or replaced by another, goes on being written to until its process
ends, and then it is gone with all that was acknowledged. SQLite does not look, so we do: two
``stat`` a commit, 3 µs.
"""

import os
from pathlib import Path

from afterword_sidecar.stores.contract import StoreError


class Whereabouts:
    """The database and its write-ahead log, by what they are and not by their names."""

    def __init__(self, path: Path) -> None:
        """``path`` is open, and stays so."""
        self._path = path
        self._known = {each: _identity(each) for each in (path, Path(f"{path}-wal"))}

    def check(self) -> None:
        """Raises ``StoreError`` if what is written would not be found again."""
        for path, known in self._known.items():
            found = _identity(path)
            if known is None:
                self._known[path] = found
            elif found != known:
                what = "another file is in its place" if found else "the file is gone"
                raise StoreError(
                    f"commit: {path}: {what}, and what this sidecar has open ends with it; stop it,"
                    f" put back a copy of {self._path} (or leave it away: a new book), start anew"
                )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - half the time of ``Path.stat``, at every commit
    except OSError:
        return None
    return status.st_dev, status.st_ino

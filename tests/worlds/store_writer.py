"""A process that keeps a book until it is killed: ``python -m worlds.store_writer FILE SEED``.

Goes on with the history of ``SEED`` where the book stands, and writes the number of each commit to
its standard output once the commit has returned: what was written there was acknowledged.
"""

import os
import sys
from itertools import islice
from pathlib import Path

from afterword_sidecar.stores.sqlite import SqliteStore
from worlds.bookkeeping import commits_in, history


def keep(path: Path, seed: int) -> None:
    """Commit for ever."""
    store = SqliteStore(path)
    done = commits_in(store)
    for number, changes in enumerate(islice(history(seed, 10**9), done, None), done + 1):
        store.commit(changes)
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))

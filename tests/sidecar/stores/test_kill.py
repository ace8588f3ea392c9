"""``kill -9`` of a process that keeps a book: what it acknowledged is there, whole."""

import os
import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.stores.sqlite import SqliteStore
from worlds import bookkeeping
from worlds.bookkeeping import commits_in, history, picture

SEED = 23
KILLS = 8


def killed_after(acknowledged: int, path: Path) -> int:
    """Run a writer, kill it when it has said so many; returns the last commit it acknowledged."""
    tests = Path(bookkeeping.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-m", "worlds.store_writer", path, str(SEED)],
        cwd=tests,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(acknowledged)]
        os.kill(writer.pid, signal.SIGKILL)
        said += writer.stdout.readlines()
        assert writer.wait() == -signal.SIGKILL
    return int(said[-1])


def test_every_acknowledged_commit_survives_a_kill(path: Path) -> None:
    """Killed at random moments and started again on the same book: no commit lost, none halved."""
    chance = random.Random(SEED)
    model, told, done = MemoryStore(), history(SEED, 10**9), 0
    for _ in range(KILLS):
        last = killed_after(chance.randrange(1, 40), path)
        with closing(SqliteStore(path)) as store:
            held = commits_in(store)
            assert held in (last, last + 1)
            for _ in range(done, held):
                model.commit(next(told))
            done = held
            assert picture(store) == picture(model)
    assert done >= KILLS

"""Power loss: whatever the disk had not been told to keep is lost, torn or out of order.

The writes are those of our own SQL, recorded as SQLite makes them (``worlds.power``), with the
SQLite that ``apsw`` brings; the files that are left are opened by the ordinary store.
"""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from afterword_sidecar.stores.contract import StoreError
from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.stores.sqlite import SqliteStore
from worlds.bookkeeping import commits_in, history, picture
from worlds.power import Disk, Event, Recorder

SEED = 7
COMMITS = 40


class Weaker:
    """A connection that is set up to sync less than the store asks."""

    def __init__(self, connection: apsw.Connection, synchronous: str) -> None:
        self._connection = connection
        self._synchronous = synchronous

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, parameters: Any = None, /) -> apsw.Cursor:
        asked = sql.replace("synchronous = EXTRA", f"synchronous = {self._synchronous}")
        return self._connection.execute(asked, parameters)


def recorded(path: Path, synchronous: str = "EXTRA") -> tuple[list[Event], list[dict[str, Any]]]:
    """Keep a book; returns all that was done to its files, and its picture after each commit."""
    recorder = Recorder(f"recorder-{synchronous}")
    now = [0.0]
    model = MemoryStore()
    pictures = [picture(model)]
    store = SqliteStore(
        path,
        connect=lambda name: Weaker(apsw.Connection(str(name), vfs=recorder.name), synchronous),
        clock=lambda: now[0],
    )
    with closing(store):
        store.load()
        for number, changes in enumerate(history(SEED, COMMITS), 1):
            for each in (store, model):
                each.commit(changes)
            recorder.events.append(Event("acknowledged", offset=number))
            pictures.append(picture(model))
            now[0] += 1.0  # so that the log is cut off now and then, as in life
    recorder.unregister()
    return recorder.events, pictures


def losses(events: list[Event], chance: random.Random) -> list[tuple[int, dict[str, bytes]]]:
    """What power losses leave, each with how many commits were acknowledged by then.

    Before and after every sync and truncation, and at as many moments in between.
    """
    telling = {at for at, each in enumerate(events) if each.kind in ("sync", "truncate", "delete")}
    telling |= {at + 1 for at in telling} | {len(events) - 1}
    telling |= set(chance.sample(range(len(events)), k=len(telling)))
    disk, acknowledged, found = Disk(), 0, []
    for at, event in enumerate(events):
        if at in telling:
            found.append((acknowledged, disk.without_power(chance)))
        disk.do(event)
        acknowledged = event.offset if event.kind == "acknowledged" else acknowledged
    return found


def what_is_wrong(
    directory: Path, files: dict[str, bytes], acknowledged: int, pictures: list[dict[str, Any]]
) -> str:
    """What a store opened on ``files`` does not hold, or holds by half; empty if all is well."""
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_bytes(content)
    try:
        with closing(SqliteStore(directory / "book.db")) as store:
            (check,) = store._connection.execute("PRAGMA integrity_check").fetchone()
            held = commits_in(store)
            if check != "ok":
                return f"integrity: {check}"
            if held not in (acknowledged, acknowledged + 1):
                return f"{held} commits where {acknowledged} were acknowledged"
            return "" if picture(store) == pictures[held] else f"commit {held} is not whole"
    except (StoreError, sqlite3.DatabaseError) as error:
        return str(error)


def test_acknowledged_commits_survive_power_loss(tmp_path: Path) -> None:
    """At any moment: the book opens, is sound, has every acknowledged commit, and none by half."""
    (tmp_path / "recorded").mkdir()
    events, pictures = recorded(tmp_path / "recorded" / "book.db")
    kinds = {each.kind for each in events if each.file == "book.db-wal"}
    assert kinds >= {"write", "sync", "truncate"}
    found = losses(events, random.Random(SEED))
    assert len(found) > 100
    for number, (acknowledged, files) in enumerate(found):
        wrong = what_is_wrong(tmp_path / str(number), files, acknowledged, pictures)
        assert not wrong, f"power loss {number} of seed {SEED}: {wrong}"


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_a_store_that_syncs_less_would_be_found_out(tmp_path: Path, synchronous: str) -> None:
    """The same losses break a store that does not wait for the disk: the test above can fail."""
    (tmp_path / "recorded").mkdir()
    events, pictures = recorded(tmp_path / "recorded" / "book.db", synchronous)
    found = losses(events, random.Random(SEED))
    wrong = [
        what_is_wrong(tmp_path / str(number), files, acknowledged, pictures)
        for number, (acknowledged, files) in enumerate(found[:60])
    ]
    assert any(wrong)

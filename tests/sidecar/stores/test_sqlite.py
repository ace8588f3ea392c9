"""What only a file can do wrong: other processes, full disks, strange files, traces of payloads."""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from afterword_sidecar.ledger.records import Changes
from afterword_sidecar.stores.contract import Retention, StoreError
from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.stores.sqlite import SqliteStore
from afterword_sidecar.stores.sqlite.connection import connect
from afterword_sidecar.stores.sqlite.interning import Interned
from afterword_sidecar.stores.sqlite.migrations import APPLICATION_ID, STEPS, migrate
from afterword_sidecar.stores.sqlite.pages import decode_openings, encode_openings
from afterword_sidecar.stores.sqlite.store import TRUNCATE_SECONDS
from worlds.bookkeeping import history, key_of, letter, opening, picture, rich_opening, row

OPEN = """
import sys
from pathlib import Path
from afterword_sidecar.stores.contract import StoreError
from afterword_sidecar.stores.sqlite import SqliteStore
try:
    SqliteStore(Path(sys.argv[1]))
except StoreError as error:
    sys.exit(str(error))
"""


def traces(path: Path, text: bytes) -> int:
    """How often ``text`` stands in the files of the book."""
    return sum(each.read_bytes().count(text) for each in path.parent.iterdir())


def test_only_the_owner_can_read_it(sqlite: SqliteStore, path: Path) -> None:
    """Database and write-ahead log are private: payloads are inside."""
    sqlite.commit(Changes(opened=[opening()]))
    files = list(path.parent.iterdir())
    assert [oct(each.stat().st_mode & 0o777) for each in files] == ["0o600"] * 2


def test_a_second_process_is_told_who_holds_the_book(sqlite: SqliteStore, path: Path) -> None:
    """At once, with operation, file, holder and hint; the first one goes on undisturbed."""
    second = subprocess.run(
        [sys.executable, "-c", OPEN, path], capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 1
    assert f"open book: {path}: held by process {os.getpid()} (" in second.stderr
    assert "one sidecar keeps one book" in second.stderr
    sqlite.commit(Changes(opened=[opening()]))
    with pytest.raises(StoreError, match="held by this process"):
        SqliteStore(path)
    sqlite.commit(Changes(opened=[opening(2)]))
    assert len(sqlite.load().open_tasks) == 2


@contextmanager
def no_room(store: SqliteStore) -> Iterator[None]:
    """The database may not grow: SQLITE_FULL, as on a full volume."""
    execute = store._connection.execute
    (pages,) = execute("PRAGMA page_count").fetchone()
    execute(f"PRAGMA max_page_count = {pages}").fetchone()
    yield
    execute("PRAGMA max_page_count = 1000000").fetchone()


@contextmanager
def no_longer_files(store: SqliteStore) -> Iterator[None]:
    """The kernel refuses writes beyond a size that the write-ahead log is about to reach."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sizes = [each.stat().st_size for each in store._path.parent.iterdir()]
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(sizes) + 4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("full", [no_room, no_longer_files])
def test_a_full_disk_fails_a_commit_whole(
    sqlite: SqliteStore, full: Callable[[SqliteStore], AbstractContextManager[None]]
) -> None:
    """A clear error, nothing of the commit kept, and the same commit succeeds with room again."""
    model = MemoryStore()
    for changes in history(seed=5, commits=10):
        model.commit(changes)
        sqlite.commit(changes)
    before = picture(sqlite)
    large = Changes(
        opened=[opening(10_000 + each) for each in range(3)],
        closed=[key_of(each) for each in sqlite.load().open_tasks[:5]],
        payloads={key_of(opening(10_000)): "p" * 200_000},
        dead_letters=[row(letter(4), "q" * 100_000)],
    )
    with full(sqlite):
        for _ in range(2):
            with pytest.raises(StoreError, match=r"commit: .*book\.db: .*; .*nothing was kept"):
                sqlite.commit(large)
        assert picture(sqlite) == before
    model.commit(large)
    sqlite.commit(large)
    assert picture(sqlite) == picture(model)
    for changes in history(seed=6, commits=10):
        model.commit(changes)
        sqlite.commit(changes)
    assert picture(sqlite) == picture(model)


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_taken_away_takes_no_commit(
    sqlite: SqliteStore,
    path: Path,
    suffix: str,
    replaced: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    """An open file takes what is written and is gone with its process: it is no durable commit."""
    sqlite.commit(Changes(opened=[opening()]))
    gone = Path(f"{path}{suffix}")
    kept = gone.rename(path.parent / "elsewhere")
    if replaced:
        gone.write_bytes(kept.read_bytes())
    said = "another file is in its place" if replaced else "the file is gone"
    for _ in range(2):
        with pytest.raises(StoreError, match=rf"commit: .*book\.db{suffix}: {said}"):
            sqlite.commit(Changes(opened=[opening(2)]))
    kept.rename(gone)
    sqlite.commit(Changes(opened=[opening(3)]))
    assert [task.sequence for task in sqlite.load().open_tasks] == [1, 3]


def test_a_failed_commit_is_forgotten_in_memory_too(sqlite: SqliteStore) -> None:
    """The store's memory of the log follows the file: without a reload in between."""
    tasks = [opening(each) for each in range(1, 4)]
    sqlite.commit(Changes(opened=tasks))
    with no_room(sqlite), pytest.raises(StoreError):
        sqlite.commit(
            Changes(
                closed=[key_of(each) for each in tasks],
                opened=[opening(9)],
                payloads={key_of(opening(9)): "p" * 100_000},
            )
        )
    sqlite.commit(Changes(closed=[key_of(tasks[0]), key_of(opening(9))]))
    assert sqlite.load().open_tasks == tasks[1:]


def test_erased_payloads_leave_no_trace(path: Path) -> None:
    """Once the log is cut off, no byte of a completed or pruned task's payload is in the files."""
    now = [0.0]
    with closing(SqliteStore(path, clock=lambda: now[0])) as store:
        store.load()
        secret = b"SECRET-"
        tasks = [opening(each) for each in range(1, 200)]
        for task in tasks:
            size = (10, 700, 3_000, 20_000)[task.sequence % 4]
            text = secret.decode() * (size // 7)
            store.commit(Changes(opened=[task], payloads={key_of(task): text}))
        kept = row(letter(of=tasks[0], at=5.0))
        gone = row(letter(of=tasks[1], at=1.0))
        store.commit(Changes(dead_letters=[kept, gone], closed=[key_of(each) for each in tasks]))
        store.prune(Retention(age_seconds=7.0, count=9, payload_bytes=10**9), now=9.0)
        assert traces(path, secret) > 0
        now[0] = TRUNCATE_SECONDS
        store.prune(Retention(age_seconds=7.0, count=9, payload_bytes=10**9), now=9.0)
        assert path.with_name("book.db-wal").stat().st_size == 0
        assert traces(path, secret) == 700 // 7


def test_the_write_ahead_log_is_cut_off_at_most_now_and_then(path: Path) -> None:
    """Erasing is bounded in cost: within the interval the log only grows; ``close`` empties it."""
    now = [0.0]
    store = SqliteStore(path, clock=lambda: now[0])
    store.load()
    log = path.with_name("book.db-wal")
    sizes = []
    for number in range(1, 7):
        key = key_of(opening(number))
        store.commit(Changes(opened=[opening(number)], payloads={key: "secret"}))
        now[0] += TRUNCATE_SECONDS / 2
        store.commit(Changes(closed=[key]))
        sizes.append(log.stat().st_size > 0)
    assert sizes == [True, False] * 3
    store.close()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("bad", [b"not a database, but a long enough text " * 200, b"\x00" * 8192])
def test_a_file_that_is_no_database_is_refused_unchanged(path: Path, bad: bytes) -> None:
    """Whatever the path points to by mistake survives the mistake."""
    path.write_bytes(bad)
    with pytest.raises(StoreError, match="this is not a database"):
        SqliteStore(path)
    assert path.read_bytes() == bad


def test_somebody_elses_database_is_refused_unchanged(path: Path) -> None:
    """A database of another application is named as such, and not even its journal mode changes."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE users (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not an Afterword book; name another file"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_newer_book_is_refused(path: Path) -> None:
    """An older sidecar does not touch a book whose schema it cannot know."""
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(StoreError, match=rf"version {len(STEPS) + 1} is newer than {len(STEPS)}"):
        SqliteStore(path)


def test_migrations_go_whole_or_not_at_all(path: Path) -> None:
    """A failing step leaves the book as it was; the mended one keeps what is inside."""
    with closing(SqliteStore(path)) as store:
        store.commit(Changes(opened=[opening()]))
    with closing(connect(path)) as connection:
        broken = (*STEPS, "CREATE TABLE more (x INTEGER) STRICT;\nCREATE TABLE broken (;\n")
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, broken)
        tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'more'"
        assert connection.execute(tables).fetchone() == (0,)
        migrate(connection, path, (*STEPS, "CREATE TABLE more (x INTEGER) STRICT;\n"))
        assert connection.execute(tables).fetchone() == (1,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("SELECT count(*) FROM openings_log").fetchone() == (1,)


def test_a_path_that_cannot_be_is_explained(tmp_path: Path) -> None:
    """No such directory, or a directory in the file's place: said with a hint, nothing made."""
    for path, why in ((tmp_path / "no" / "book.db", "No such file"), (tmp_path, "unable to open")):
        with pytest.raises(StoreError, match=f"open book: {path}: {why}.*; .*directory"):
            SqliteStore(path)
    assert list(tmp_path.iterdir()) == []


def test_damage_is_named(path: Path) -> None:
    """A row that is not ours, and a page that SQLite finds malformed, are errors with a hint."""
    with closing(SqliteStore(path)) as store:
        store.commit(Changes(opened=[opening()], dead_letters=[row(letter())]))
        for blob in (
            b"\x93",
            msgspec.msgpack.encode((1, [[1]])),
            encode_openings([opening()])[:-1],
        ):
            store._connection.execute("UPDATE openings_log SET openings = ?", (blob,))
            with pytest.raises(StoreError, match=r"load book: .*does not read as ours"):
                store.load()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StoreError, match=r"book\.db: .*malformed.*recover"):
        SqliteStore(path)


def test_no_damage_is_anything_but_a_store_error(path: Path) -> None:
    """Whichever pages are zeroed, opening and reading work or say ``StoreError``, nothing else."""
    with closing(SqliteStore(path)) as store:
        for changes in history(seed=2, commits=30):
            store.commit(changes)
    content = path.read_bytes()
    refused = 0
    for page in range(0, len(content), 4096):
        path.write_bytes(content[:page] + bytes(4096) + content[page + 4096 :])
        try:
            with closing(SqliteStore(path)) as store:
                picture(store)
        except StoreError:
            refused += 1
    assert refused > 10


def test_pages_written_before_a_field_existed_are_read() -> None:
    """A younger field has its default in an older page; every older field is as it was."""
    rich = rich_opening()
    count, columns = msgspec.msgpack.decode(encode_openings([rich, opening(2)]))
    older = msgspec.msgpack.encode((count, columns[:-1]))
    (read, _) = decode_openings(older, Interned())
    youngest = type(rich).__struct_fields__[-1]
    assert read == msgspec.structs.replace(rich, **{youngest: getattr(opening(), youngest)})


def test_pages_share_what_is_shared() -> None:
    """Five hundred tasks of a few kinds take under 90 bytes each, and come back equal."""
    tasks = [
        opening(
            each * 3, function=f"shop.mail.{each % 5}", trace=os.urandom(33), deadline=2e9 + each
        )
        for each in range(1, 501)
    ]
    page = encode_openings(tasks)
    assert decode_openings(page, Interned()) == tasks
    assert len(page) < 90 * len(tasks)

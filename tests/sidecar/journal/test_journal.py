"""The journal and the book: a record is there if and only if its commit is, whatever happens."""

import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.beside import journaled
from afterword_sidecar.journal.book import JournaledBook
from afterword_sidecar.journal.files import segments_in
from afterword_sidecar.journal.store import JournaledStore
from afterword_sidecar.journal.writing import Keeping
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch, Fact, SpanEnded
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Changes
from afterword_sidecar.stores.contract import StoreError
from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.verifying.findings import Finding
from worlds.desk import SHOP, START, closing, opening
from worlds.journals import FOR_EVER, JournaledDesk, lines, records, verify

SECRET = "s3cret-of-the-customer"
READS = {
    "audit",
    "audit_streams",
    "restore",
    "drain",
    "next_due",
    "stream_ids",
    "view",
    "in_flight",
    "find",
    "spooled_streams",
}
"""What may be asked of a book without being noted."""


def numbers(desk: JournaledDesk) -> int:
    return len(lines(desk.directory))


def test_all_that_changes_a_book_is_noted() -> None:
    """Whoever gives the book another way to learn something must give it to the journal, too."""
    changing = {name for name in vars(Book) if not name.startswith("_")} - READS
    assert changing <= set(vars(JournaledBook))


def test_nothing_secret_is_kept(tmp_path: Path) -> None:
    """Payloads, messages, stacks, awaited lines, routes, functions, links: none of it is there."""
    desk = JournaledDesk(tmp_path)
    told: dict[str, Any] = {
        "payload": f'"{SECRET}"',
        "payload_omitted": SECRET,
        "function": SECRET,
        "route": SECRET,
    }
    desk.tell(opening(1, links=SECRET, **told), opening(2, **told))
    desk.tell(
        closing(
            3,
            2,
            "failed",
            "exception",
            error_type=SECRET,
            exception_type=SECRET,
            exception_message=SECRET,
            exception_stacktrace=SECRET,
            awaiting=SECRET,
            **told,
        )
    )
    span = SpanEnded(START, "mail", "failed", "exception", START, error_type=SECRET)
    desk.tell(span, opening(7, **told))
    desk.die()
    assert desk.settled
    assert all(SECRET.encode() not in line for line in lines(tmp_path))
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


class Failing(MemoryStore):
    """A store that fails as often as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    def commit(self, changes: Changes) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError("commit: there is no room")
        super().commit(changes)


def test_a_commit_that_is_tried_again_is_in_the_journal_once(tmp_path: Path) -> None:
    """The book tries until it succeeds; the journal has one group of it."""
    store = Failing()
    desk = JournaledDesk(tmp_path, memory=store)
    desk.tell(opening(1))
    desk.book.apply(_batch(closing(2)), desk.now)
    changes = desk.book.drain()
    store.failures = 2
    for _ in range(2):
        with pytest.raises(StoreError):
            desk.store.commit(changes)
    desk.store.commit(changes)
    assert sum(isinstance(record, shapes.Settled) for record in records(tmp_path)) == 1
    assert desk.verify().problems == []


def test_what_was_never_committed_is_not_in_the_journal(tmp_path: Path) -> None:
    """Killed between the journal and the book: the next sidecar removes the group, and says so."""
    store = Failing()
    desk = JournaledDesk(tmp_path, memory=store)
    desk.tell(opening(1))
    before = lines(tmp_path)
    desk.book.apply(_batch(closing(2)), desk.now)
    store.failures = 1
    with pytest.raises(StoreError):
        desk.store.commit(desk.book.drain())
    assert len(lines(tmp_path)) > len(before)
    report = desk.verify()
    assert report.problems == []
    assert "not made" in report.notes[-1]
    desk.restart()
    assert lines(tmp_path) == before
    desk.tell(closing(2))
    report = desk.verify()
    assert report.problems == []
    assert "4 records" in next(note for note in report.notes if "removed" in note)


def test_a_crash_at_any_byte_is_survived(tmp_path: Path) -> None:
    """However much of a group was written: the chain is whole, and so is the book."""
    store = Failing()
    desk = JournaledDesk(tmp_path, memory=store)
    desk.tell(opening(1))
    whole = segments_in(tmp_path)[-1].path
    committed = whole.read_bytes()
    desk.book.apply(_batch(closing(2), opening(3)), desk.now)
    store.failures = 1
    with pytest.raises(StoreError):
        desk.store.commit(desk.book.drain())
    book = deepcopy(store)
    group = whole.read_bytes().removeprefix(committed)
    for end in range(0, len(group) + 1, 29):
        for segment in segments_in(tmp_path):
            segment.path.unlink()
        whole.write_bytes(committed + group[:end])
        desk.memory = deepcopy(book)
        desk.restart()
        assert whole.read_bytes() == committed
        desk.tell(opening(10 + end))
        assert verify(tmp_path).problems == []


def test_an_empty_segment_is_no_obstacle(tmp_path: Path) -> None:
    """Killed between making a file and writing to it."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1))
    (tmp_path / f"{numbers(desk) + 1:016d}.jsonl").touch()
    desk.restart()
    desk.tell(closing(2))
    assert desk.verify().problems == []


@contextmanager
def at_most(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond that: a full disk, as far as it can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_fails_the_commit_and_loses_nothing(tmp_path: Path) -> None:
    """Nothing of the commit is kept, in the book either; when there is room again it succeeds."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1))
    before = lines(tmp_path)
    saved = desk.memory.load()
    desk.book.apply(_batch(closing(2)), desk.now)
    changes = desk.book.drain()
    room = segments_in(tmp_path)[-1].path.stat().st_size + 100
    with at_most(room), pytest.raises(StoreError, match="write journal"):
        desk.store.commit(changes)
    assert lines(tmp_path) == before
    assert desk.memory.load() == saved
    desk.store.commit(changes)
    assert desk.verify().problems == []


def test_a_full_disk_that_cannot_even_be_cleared_is_cleared_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a group stays in the file for a while; nothing is ever written after it."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1))
    desk.book.apply(_batch(closing(2)), desk.now)
    changes = desk.book.drain()
    segment = segments_in(tmp_path)[-1].path
    whole = segment.stat().st_size

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", broken)
        for _ in range(2):
            with at_most(whole + 100), pytest.raises(StoreError, match="write journal"):
                desk.store.commit(changes)
            assert segment.stat().st_size == whole + 100
    desk.store.commit(changes)
    assert desk.verify().problems == []


def test_a_group_that_cannot_be_made_is_not_replaced_by_the_one_before(tmp_path: Path) -> None:
    """A bug, or no memory left: each try fails as the first, until it succeeds."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1))
    before, saved = lines(tmp_path), desk.memory.load()
    desk.book.apply(_batch(closing(2)), desk.now)
    changes = desk.book.drain()
    assert isinstance(desk.store, JournaledStore)
    (group,) = desk.store.groups
    group.noted.append(shapes.Commit)  # type: ignore[arg-type] # has no words
    for _ in range(2):
        with pytest.raises(KeyError):
            desk.store.commit(changes)
        assert (lines(tmp_path), desk.memory.load()) == (before, saved)
    group.noted.pop()
    desk.store.commit(changes)
    assert desk.verify().problems == []


def test_retention_takes_the_beginning_and_says_so(tmp_path: Path) -> None:
    """Bounded, named as pruned, what is left is confirmed; a hole of others' making is missing."""
    keeping = Keeping(age_seconds=1e9, size_bytes=32_000)
    desk = JournaledDesk(tmp_path, keeping)
    for number in range(1, 300, 2):
        desk.tell(opening(number), closing(number + 1, number))
    size = sum(segment.path.stat().st_size for segment in segments_in(tmp_path))
    assert size < 2 * keeping.size_bytes
    report = desk.verify()
    assert report.problems == []
    assert report.first > 1
    assert report.pruned_to == report.first - 1
    assert any("retention has taken" in note for note in report.notes)
    segments_in(tmp_path)[0].path.unlink()
    assert [problem.kind for problem in desk.verify().problems] == ["missing"]


def test_old_segments_go_by_their_age(tmp_path: Path) -> None:
    """A segment nobody has written to for longer than the age is deleted."""
    desk = JournaledDesk(tmp_path, Keeping(age_seconds=1600.0, size_bytes=2**40))
    desk.tell(opening(1), closing(2))
    (first,) = segments_in(tmp_path)
    os.utime(first.path, (desk.now, desk.now))
    for number in (3, 5, 7):
        desk.now += 2000.0
        desk.tell(opening(number), closing(number + 1, number))
    assert first not in segments_in(tmp_path)
    report = desk.verify()
    assert report.problems == []
    assert report.total(Finding.CONFIRMED) > 0


def test_a_journal_belongs_to_one_book(tmp_path: Path) -> None:
    """Another book's is refused, and so is one that another sidecar writes."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1))
    desk.store.close()
    with pytest.raises(StoreError, match="the journal of another book"):
        journaled(MemoryStore(), Limits(), tmp_path, FOR_EVER, lambda: START)


def test_a_journal_that_is_ahead_is_not_touched(tmp_path: Path) -> None:
    """A book put back from a copy must not cost what happened since: the sidecar does not start."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1))
    early = desk.memory._mark
    desk.tell(closing(2))
    desk.tell(opening(3))
    before = lines(tmp_path)
    desk.memory._mark = early
    with pytest.raises(StoreError, match="2 commits ahead of the book"):
        desk.restart()
    assert lines(tmp_path) == before


def test_a_journal_that_was_taken_away_is_missed(tmp_path: Path) -> None:
    """The book goes on, and the checker says what is missing."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1))
    for segment in segments_in(tmp_path):
        segment.path.unlink()
    desk.restart()
    desk.tell(closing(2))
    assert [problem.kind for problem in desk.verify().problems] == ["missing"]


def test_a_segment_deleted_while_it_is_written_to_takes_nothing_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An open file would swallow it all; a new one has what comes, and the rest is missed."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1))
    for segment in segments_in(tmp_path):
        segment.path.unlink()
    desk.tell(closing(2))
    desk.tell(opening(3))
    assert [type(each) for each in records(tmp_path)].count(shapes.Settled) == 1
    assert "goes on in a new segment" in caplog.text
    assert [problem.kind for problem in desk.verify().problems] == ["missing"]


def test_a_directory_deleted_under_it_goes_on_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The commit fails, and no log line says with each try that there is a new segment."""
    directory = tmp_path / "journal"
    desk = JournaledDesk(directory)
    desk.tell(opening(1))
    shutil.rmtree(directory)
    with pytest.raises(StoreError, match="write journal"):
        desk.tell(closing(2))
    assert "goes on in a new segment" not in caplog.text


def _batch(*facts: Fact) -> Batch:
    return Batch(SHOP, facts, START + 9, same_clock=True)

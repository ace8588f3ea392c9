"""Whatever is done to a journal from outside is named by its position."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.chain import link_of, sealed
from afterword_sidecar.journal.files import segments_in
from afterword_sidecar.verifying.findings import Finding, Report
from worlds.journals import JournaledDesk, kept, lines, verify, write_lines

Change = Callable[[list[bytes]], list[bytes]]


def index_of(desk: JournaledDesk, kind: str, which: int = 0) -> int:
    """Which line, from 0, holds the record."""
    found = [i for i, line in enumerate(lines(desk.directory)) if f'"is":"{kind}"'.encode() in line]
    return found[which]


def problems(report: Report, kind: str) -> list[str]:
    return [problem.where for problem in report.problems if problem.kind == kind]


def test_an_untouched_journal_is_whole(desk: JournaledDesk) -> None:
    """Every rule that the desk brings about is confirmed, against the book too."""
    report = desk.verify()
    assert report.problems == []
    assert report.total(Finding.CONFIRMED) == sum(n.total() for n in report.verdicts.values())
    assert {said.partition("/")[2] for said in report.verdicts} >= {
        "completed/observed",
        "exception/observed",
        "instance_lost/inferred",
        "instance_lost/proven",
        "platform_deadline/inferred",
        "platform_deadline/proven",
        "shutdown/proven",
        "never_started/inferred",
        "never_started/proven",
        "evidence_lost/proven",
        "expired/inferred",
    }


def test_streams_that_the_book_lost_are_named(desk: JournaledDesk) -> None:
    """A table emptied, a task taken out, a stream put in: of each stream what is different."""
    book = kept(desk.memory)
    assert verify(desk.directory, book).problems == []
    names = list(book.streams)
    book.streams[names[0]] = replace(book.streams[names[0]], open_tasks=9)
    book.streams["new"] = book.streams.pop(names[1])
    found = [problem.what.split()[1:5] for problem in verify(desk.directory, book).problems]
    assert sorted(found) == sorted(
        [
            [f"{names[0]}:", "the", "book", "has"],
            [f"{names[1]}:", "the", "book", "does"],
            ["new:", "the", "book", "knows"],
        ]
    )


def test_an_altered_record_is_named(desk: JournaledDesk) -> None:
    """One byte of a closing: its record is named, and its verdict cannot be told."""
    at = index_of(desk, "settled")
    changed = lines(desk.directory)
    changed[at] = changed[at].replace(b'"completed"', b'"cancelled"', 1)
    write_lines(desk.directory, changed)
    report = desk.verify()
    assert [where.split(" (")[0] for where in problems(report, "altered")] == [f"record {at + 1}"]
    assert report.total(Finding.CONTRADICTED) == 0
    assert report.total(Finding.UNTOLD) > 0


def test_a_line_that_is_no_record_is_an_altered_one(desk: JournaledDesk) -> None:
    """Garbage of any kind stands for the record that was there."""
    at = index_of(desk, "started")
    changed = lines(desk.directory)
    changed[at] = b"\xff\x00 not a record\n"
    write_lines(desk.directory, changed)
    report = desk.verify()
    assert [where.split(" (")[0] for where in problems(report, "altered")] == [f"record {at + 1}"]


@pytest.mark.parametrize("kind", ["settled", "verdict", "heard", "commit", "ended", "opened"])
def test_a_missing_record_is_named(desk: JournaledDesk, kind: str) -> None:
    """Whichever record is taken out, its number is."""
    at = index_of(desk, kind)
    changed = lines(desk.directory)
    del changed[at]
    write_lines(desk.directory, changed)
    report = desk.verify()
    assert problems(report, "missing") == [f"record {at + 1}"]
    assert report.total(Finding.CONTRADICTED) == 0


def test_missing_records_are_named_by_their_range(desk: JournaledDesk) -> None:
    """Ten in a row."""
    changed = lines(desk.directory)
    del changed[20:30]
    write_lines(desk.directory, changed)
    assert problems(desk.verify(), "missing") == ["records 21 to 30"]


def test_records_out_of_order_are_named(desk: JournaledDesk) -> None:
    """Two that changed places: the one that now comes too late is named, and none is missing."""
    changed = lines(desk.directory)
    changed[20], changed[21] = changed[21], changed[20]
    write_lines(desk.directory, changed)
    report = desk.verify()
    assert [where.split(" (")[0] for where in problems(report, "out of order")] == ["record 21"]
    assert problems(report, "missing") == []


def test_a_copy_is_named(desk: JournaledDesk) -> None:
    """A record put in once more, elsewhere."""
    changed = lines(desk.directory)
    changed.insert(30, changed[10])
    write_lines(desk.directory, changed)
    (where,) = problems(desk.verify(), "inserted")
    assert where.startswith("record 11 (")
    assert where.endswith("line 31)")


def test_a_forged_record_is_named(desk: JournaledDesk) -> None:
    """One that is chained to the record before it, with the number that follows."""
    changed = lines(desk.directory)
    before = link_of(changed[29])
    assert before is not None
    forged, _ = sealed(shapes.encode(shapes.Stalled(at=1.0, seconds=9e9)), before.mark)
    changed.insert(30, forged)
    write_lines(desk.directory, changed)
    report = desk.verify()
    named = problems(report, "inserted") + problems(report, "altered")
    assert named
    assert all(where.startswith("record 31 (") for where in named)


def test_a_replaced_record_is_named(desk: JournaledDesk) -> None:
    """Its own hash is right; the record after it tells that another one stood there."""
    changed = lines(desk.directory)
    link = link_of(changed[29])
    assert link is not None
    before = link_of(changed[28])
    assert before is not None
    changed[30], _ = changed[30], None
    changed[29], _ = sealed(shapes.encode(shapes.Time(at=1.0)), before.mark)
    write_lines(desk.directory, changed)
    assert [where.split(" (")[0] for where in problems(desk.verify(), "altered")] == ["record 30"]


def test_an_end_that_was_cut_off_is_told_by_the_book(desk: JournaledDesk) -> None:
    """The journal alone looks whole; the book remembers how far it went."""
    changed = lines(desk.directory)
    last = max(i for i, line in enumerate(changed[:-1]) if b'"is":"commit"' in line)
    write_lines(desk.directory, changed[: last + 1])
    assert verify(desk.directory).problems == []
    report = desk.verify()
    assert problems(report, "missing") == ["the end of the journal"]
    assert report.wrong


def test_a_beginning_that_was_taken_is_missing(desk: JournaledDesk) -> None:
    """Nobody said that retention took it; verdicts on tasks opened there cannot be told."""
    changed = lines(desk.directory)
    commits = [i for i, line in enumerate(changed) if b'"is":"commit"' in line]
    write_lines(desk.directory, changed[commits[3] + 1 :])
    report = desk.verify()
    assert problems(report, "missing") == ["the beginning of the journal"]
    assert report.total(Finding.CONTRADICTED) == 0
    assert report.total(Finding.UNTOLD) > 0


def test_the_end_of_a_crash_is_no_damage(desk: JournaledDesk) -> None:
    """A group that is not whole was never committed: it is mentioned, and nothing else."""
    segment = segments_in(desk.directory)[-1].path
    with segment.open("ab") as file:
        file.write(lines(desk.directory)[10][:40])
    report = desk.verify()
    assert report.problems == []
    assert report.notes

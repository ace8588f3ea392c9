"""``afterword verify`` as it is typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from afterword_sidecar.cli import afterword
from worlds.crashes.run import crash
from worlds.desk import Desk, closing, opening
from worlds.journals import JournaledDesk, lines, write_lines


def verify(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(afterword, ["verify", *map(str, arguments)])


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a sidecar of the test keeps its journal."""
    journal = tmp_path / "journal"
    monkeypatch.setenv("AFTERWORD_SIDECAR_JOURNAL", str(journal))
    return journal


async def test_a_sidecar_killed_under_load_keeps_a_whole_journal(
    tmp_path: Path, journal: Path
) -> None:
    """Five times kill -9 at seeded moments: the chain is whole, and agrees with the book."""
    result = await crash(tmp_path, kills=5, seed=7)
    said = verify(journal, "--database", tmp_path / "book.db", "--json")
    assert said.exit_code == 0, said.output
    report = json.loads(said.stdout)
    assert report["ok"]
    assert report["confirmed"] == result.tasks
    assert report["compared_with"] == report["book"]


def test_what_was_found_is_told(tmp_path: Path) -> None:
    """The table, the sentence under it, and the exit code 0."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1), closing(2), opening(3), closing(4, 3, "failed", "exception"))
    said = verify(tmp_path)
    assert said.exit_code == 0
    assert said.stdout.splitlines() == [
        "VERDICT             BASIS     CONFIRMED  CONTRADICTED  CANNOT BE TOLD",
        "completed           observed          1             ·               ·",
        "failed · exception  observed          1             ·               ·",
        "",
        "The chain is whole, and 2 verdicts confirmed: 11 records (no. 1 to 11).",
        "Whether it ends where the book does cannot be told without --database.",
    ]


def test_a_journal_of_nothing_tells_nothing(tmp_path: Path) -> None:
    """A segment that was emptied is no success; exit code 3."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1), closing(2))
    for segment in tmp_path.glob("*.jsonl"):
        segment.write_bytes(b"")
    said = verify(tmp_path)
    assert said.exit_code == 3, said.output
    assert "There is not one record: nothing can be told." in said.stdout
    assert json.loads(verify(tmp_path, "--json").stdout)["ok"] is False


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    """Which record, in which file and line, and what is wrong with it; exit code 1."""
    desk = JournaledDesk(tmp_path)
    desk.tell(opening(1), closing(2))
    changed = [line.replace(b'"rule":1', b'"rule":2') for line in lines(tmp_path)]
    write_lines(tmp_path, changed)
    said = verify(tmp_path)
    assert said.exit_code == 1
    assert "altered  record 7 (0000000000000001.jsonl line 7)" in said.stdout
    assert "The chain is whole" not in said.stdout


def test_what_cannot_be_told_is_no_error_and_no_success(tmp_path: Path) -> None:
    """A task from before the journal falls silent after it began; exit code 3."""
    earlier = Desk()
    earlier.tell(opening(1))
    desk = JournaledDesk(tmp_path, memory=earlier.memory)
    desk.tell(opening(2))
    desk.die()
    said = verify(tmp_path)
    assert said.exit_code == 3, said.output
    assert "cannot be told" in said.stdout
    assert "is not in the journal" in said.stdout


def test_wrong_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    """No journal, no directory: what to do, and exit codes that are not verdicts."""
    said = verify(tmp_path)
    assert (said.exit_code, said.stdout) == (1, "")
    assert "there is no journal" in said.stderr
    assert verify(tmp_path / "nowhere").exit_code == 2
    (tmp_path / "empty.db").touch()
    said = verify(tmp_path, "--database", str(tmp_path / "empty.db"))
    assert (said.exit_code, "there is no book" in said.stderr) == (1, True)
    assert (tmp_path / "empty.db").read_bytes() == b""

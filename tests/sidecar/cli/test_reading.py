"""``afterword tasks`` and ``afterword dead-letters``: what people and scripts get to see."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from afterword_sidecar.cli import afterword
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch, Scheduled, Settled, Source
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.stores.sqlite import SqliteStore
from worlds.operators_port import OperatorsPort

Run = Callable[..., Awaitable[Result]]
PAYLOAD = '{"args": [1.10, 12345678901234567890]}'
HOSTILE = "\x1b]0;owned\x07\x1b[31mred\u202e\u009b2J\n[bold]x[/bold]"


async def lost_and_failed(port: OperatorsPort) -> None:
    """Task 1 failed with a payload; task 3 was lost with its process; both are dead letters."""
    await port.told(
        port.scheduled(1, payload=PAYLOAD, route="/buy", deadline=port.now + 60),
        port.failed(2, 1, exception_stacktrace="Traceback:\n  line 1\nValueError: no"),
    )
    await port.told(port.scheduled(3, "report", payload_omitted="capture is off"))
    await port.service.stream_ended(bytes(range(16)), alive_at=port.now)


async def test_tasks_as_a_table_and_as_json(port: OperatorsPort, run: Run) -> None:
    """One row a task with outcome, reason and basis; JSON carries what the API says."""
    await port.told(port.scheduled(1), port.scheduled(2), port.failed(3, 2))
    shown = await run("tasks")
    assert shown.exit_code == 0
    rows = shown.stdout.splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["ID", "TASK", "OUTCOME"],
        ["00010203-1", "send_receipt", "in_flight"],
        ["00010203-2", "send_receipt", "failed"],
    ]
    assert "failed · exception (observed)" in rows[2]
    found = json.loads((await run("tasks", "--json", "--outcome", "failed")).stdout)
    assert [item["outcome"] for item in found["items"]] == ["failed"]


async def test_more_tasks_than_a_page(port: OperatorsPort, run: Run) -> None:
    """A limit beyond the API's largest page is met over several; what is cut off is said."""
    await port.told(*(port.scheduled(number) for number in range(1, 700)))
    assert len(json.loads((await run("tasks", "--json", "--limit", "650")).stdout)["items"]) == 650
    assert "the first 20 tasks" in (await run("tasks", "--limit", "20")).stderr


async def test_a_dead_letter_says_what_why_when_and_its_payload(
    port: OperatorsPort, run: Run
) -> None:
    """Shown by a shortened id: the verdict, the rule in words, its evidence, and exact numbers."""
    await lost_and_failed(port)
    failed = (await run("dead-letters", "show", "00010203-1")).stdout
    for words in (
        "failed · exception (observed)",
        "rule 3: It raised.",
        "no such address",
        "ValueError: no",
        "/buy",
        "it said how it ended (no. 2)",
        "1.10,",
        "12345678901234567890",
    ):
        assert words in failed, words
    lost = (await run("dead-letters", "show", "00010203-3")).stdout
    for words in (
        "dropped · instance_lost (proven)",
        "rule 13: Its process died, and all it had written was read",
        "its process no longer held its lock",
        "none: capture is off",
        "2023-11-14",
    ):
        assert words in lost, words


async def test_the_terminal_gives_the_reason_that_the_page_gives(
    port: OperatorsPort, run: Run
) -> None:
    """Of a rule's several courses of events the one that the evidence tells; places as phrases."""
    await port.told(
        port.scheduled(1, deadline=port.now + 1, guard_lead_seconds=1.5),
        port.scheduled(2, "wrap_gift"),
        Settled(
            sequence=3,
            opening_sequence=2,
            at=port.now,
            task="wrap_gift",
            outcome="cancelled",
            reason="disconnected",
            platform="vercel",
            awaiting="not started",
        ),
    )
    await port.service.stream_ended(bytes(range(16)), alive_at=port.now)
    shown = (await run("dead-letters", "show", "00010203-1", COLUMNS="200")).stdout
    assert "rule 12: Its process died 1.0 s before its deadline" in shown
    table = (await run("dead-letters", "list", COLUMNS="200")).stdout
    assert "  not started" in table


async def test_export_is_one_json_object_a_line(port: OperatorsPort, run: Run) -> None:
    """All that match, over several pages, with payloads as they were captured."""
    for number in range(1, 121, 2):
        await port.told(port.scheduled(number, payload=PAYLOAD), port.failed(number + 1, number))
    exported = await run("dead-letters", "export", "--outcome", "failed")
    lines = exported.stdout.splitlines()
    assert (exported.exit_code, len(lines)) == (0, 60)
    assert len({json.loads(line)["id"] for line in lines}) == 60
    assert '"payload":{"args":[1.10,12345678901234567890]}' in lines[0]
    assert "60 dead letters exported" in exported.stderr


async def test_an_export_to_a_file(port: OperatorsPort, run: Run, tmp_path: Path) -> None:
    """``--output`` writes the same lines."""
    await lost_and_failed(port)
    target = tmp_path / "letters.jsonl"
    await run("dead-letters", "export", "--output", str(target))
    assert len(target.read_text().splitlines()) == 2


async def test_nothing_a_client_sent_drives_the_terminal(port: OperatorsPort, run: Run) -> None:
    """Escapes, bidirectional marks and markup in names and payloads are shown, not done."""
    await port.told(
        port.scheduled(1, HOSTILE, payload=json.dumps(HOSTILE, ensure_ascii=False)),
        port.failed(2, 1, awaiting=HOSTILE, exception_stacktrace=HOSTILE),
    )
    for arguments in (
        ("tasks",),
        ("dead-letters", "list"),
        ("dead-letters", "show", "00010203-1"),
    ):
        shown = (await run(*arguments)).stdout
        assert not {"\x1b", "\x07", "\u202e", "\u009b"} & set(shown), arguments
        assert "[bold]x[/bold]" in shown, arguments
        assert "owned" in shown, arguments


async def test_colour_on_terminals_only_and_never_against_no_color(
    port: OperatorsPort, run: Run
) -> None:
    """A pipe gets plain text; ``NO_COLOR`` is honoured where colour is forced."""
    await lost_and_failed(port)
    red = "\x1b[1;31m"
    assert "\x1b[" not in (await run("dead-letters", "list")).stdout
    assert red in (await run("dead-letters", "list", FORCE_COLOR="1")).stdout
    assert red not in (await run("dead-letters", "list", FORCE_COLOR="1", NO_COLOR="1")).stdout


async def test_a_narrow_terminal_is_filled_and_not_overrun(port: OperatorsPort, run: Run) -> None:
    """At 40 columns every line fits, and a shortened id is still whole."""
    await lost_and_failed(port)
    for arguments in (("dead-letters", "list"), ("dead-letters", "show", "00010203-1")):
        shown = (await run(*arguments, COLUMNS="40")).stdout
        assert max(len(line) for line in shown.splitlines()) <= 40
    assert "00010203-1" in (await run("dead-letters", "list", COLUMNS="40")).stdout


async def test_an_empty_book_says_so(run: Run) -> None:
    """No table without rows: a sentence, with the filters that were asked for."""
    nothing = "; nothing is in flight or was settled lately\n"
    assert (await run("tasks")).stdout == "no tasks" + nothing
    assert (await run("tasks", "--task", "x")).stdout == "no tasks with task=x" + nothing
    empty = await run("dead-letters", "list", "--task", "x", "--since", "15m")
    assert (empty.exit_code, "with task=x" in empty.stdout) == (0, True)


async def test_a_filter_that_finds_nothing_says_nothing_of_the_rest(
    port: OperatorsPort, run: Run
) -> None:
    """A task is in flight: it is said that there are others than those asked for."""
    await port.told(port.scheduled(1))
    found = await run("tasks", "--outcome", "in_flight", "--task", "x")
    assert found.stdout == "no tasks with task=x, outcome=in_flight; there are others\n"


@pytest.mark.parametrize(
    ("arguments", "words", "exit_code"),
    [
        (("dead-letters", "show", "nothing"), "there is no dead letter", 1),
        (("dead-letters", "show", "0001-99"), "there is no dead letter", 1),
        (("tasks", "--url", "http://127.0.0.1:1"), "cannot reach the sidecar", 1),
        (("tasks", "--url", "gopher://x"), "is not an address", 1),
        (("tasks", "--url", "http://x:99999"), "is not an address", 1),
        (("tasks", "--url", "http://[::1"), "is not an address", 1),
        (("tasks", "--url", "http://[zz]:1"), "is not an address", 1),
        (("tasks", "--url", "http://a b"), "is not an address", 1),
        (("tasks", "--url", "http://me:s3cret@x"), "a user or a password in it is not taken", 1),
        (("tasks", "--database", "no/such.db"), "there is no book", 1),
        (("tasks", "--reason", "because"), "reason: it is not one of", 1),
        (("tasks", "--outcome", "lost"), "Invalid value", 2),
        (("tasks", "--limit", "9" * 20), "is not in the range", 2),
        (("tasks", "--since", "tomorrow"), "Unix seconds (or a time ago: 15m", 2),
        (("dead-letters", "show"), "Missing argument", 2),
    ],
)
async def test_a_users_mistake_is_a_sentence(
    run: Run, arguments: tuple[str, ...], words: str, exit_code: int
) -> None:
    """Never a traceback: what was wrong, and an exit code that says so."""
    refused = await run(*arguments)
    assert (refused.exit_code, words in refused.stderr) == (exit_code, True), refused.stderr
    assert isinstance(refused.exception, SystemExit)
    assert "s3cret" not in refused.output


async def test_a_shortened_id_must_be_unique(port: OperatorsPort, run: Run) -> None:
    """Two streams with the same first digits: both ids are offered."""
    for last in (b"\1", b"\2"):
        await port.told(port.scheduled(1), port.failed(2, 1), stream=b"\xaa" * 15 + last)
    refused = await run("dead-letters", "show", "aaaaaaaa-1")
    assert "is not unique" in refused.stderr
    assert f"{'aa' * 15}02-1" in refused.stderr


def stopped_book(path: Path) -> None:
    """A book as a sidecar leaves it: one task in flight, one dead letter with a payload."""
    store = SqliteStore(path)
    book = Book(Limits(), store.load(), 1_000.0)
    for stream, task in ((b"a" * 16, "open"), (b"b" * 16, "lost")):
        opening = Scheduled(1, 1_000.0, task, payload=PAYLOAD)
        book.apply(Batch(Source(stream, "shop"), [opening], 1_000.0), 1_000.0)
    store.commit(book.drain())
    book.stream_ended(b"b" * 16, 1_001.0, alive_at=1_000.5)
    store.commit(book.drain())
    store.close()


def test_a_book_that_no_sidecar_holds_is_read_from_its_file(tmp_path: Path) -> None:
    """``--database``: tasks that were in flight, dead letters and payloads."""
    path = tmp_path / "book.db"
    stopped_book(path)
    invoke = CliRunner().invoke
    found = json.loads(invoke(afterword, ["tasks", "--json", "--database", str(path)]).stdout)
    assert [(item["task"], item["outcome"]) for item in found["items"]] == [("open", "in_flight")]
    shown = invoke(
        afterword, ["dead-letters", "show", f"{'62' * 4}-1", "--database", str(path)]
    ).stdout
    assert "dropped · instance_lost (proven)" in shown
    assert "1.10," in shown
    exported = invoke(afterword, ["dead-letters", "export", "--database", str(path)]).stdout
    assert json.loads(exported)["task"] == "lost"


def test_an_export_that_does_not_fit_is_no_export(tmp_path: Path) -> None:
    """A full disk is said in a sentence, with exit code 1, and nothing is called exported."""
    stopped_book(tmp_path / "book.db")
    export = ["dead-letters", "export", "--output", "/dev/full"]
    run = subprocess.run(
        [sys.executable, "-m", "afterword_sidecar", *export, "--database", tmp_path / "book.db"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "Error: cannot write all of it: No space left on device\n"


def test_a_book_that_is_held_is_not_read_behind_its_sidecar(tmp_path: Path) -> None:
    """The file of a running sidecar is refused, with the way to ask that sidecar."""
    path = tmp_path / "book.db"
    stopped_book(path)
    holder = SqliteStore(path)
    refused = CliRunner().invoke(afterword, ["dead-letters", "list", "--database", str(path)])
    holder.close()
    assert (refused.exit_code, "leave --database out" in refused.stderr) == (1, True)


def test_a_file_that_is_no_book_is_refused(tmp_path: Path) -> None:
    """And it is left as it was."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look at " * 10)
    before = path.read_bytes()
    refused = CliRunner().invoke(afterword, ["tasks", "--database", str(path)])
    assert (refused.exit_code, isinstance(refused.exception, SystemExit)) == (1, True)
    assert "sidecar" not in refused.stderr  # no sidecar would know better
    assert path.read_bytes() == before


def test_an_empty_file_is_no_book_and_is_not_made_one(tmp_path: Path) -> None:
    """An audit of it would trust a book that nobody has kept."""
    path = tmp_path / "empty.db"
    path.touch()
    for command in ("tasks", "audit"):
        refused = CliRunner().invoke(afterword, [command, "--database", str(path)])
        assert (refused.exit_code, "there is no book" in refused.stderr) == (1, True)
    assert path.read_bytes() == b""


def test_a_locale_of_nobody_s_still_shows_everything(tmp_path: Path) -> None:
    """``LC_ALL=C``: a table has escapes, JSON is UTF-8; a filter that is none is refused."""
    store = SqliteStore(tmp_path / "book.db")
    book = Book(Limits(), store.load(), 1_000.0)
    opening = Scheduled(1, 1_000.0, "g\u00e4rtner")
    book.apply(Batch(Source(b"s" * 16, "shop"), [opening], 1_000.0), 1_000.0)
    store.commit(book.drain())
    store.close()
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    def run(*arguments: str | bytes) -> tuple[int, bytes]:
        command = [sys.executable, "-m", "afterword_sidecar", *arguments]
        command += ["--database", str(tmp_path / "book.db")]
        ended = subprocess.run(
            command, capture_output=True, check=False, timeout=60, env=environment
        )
        return ended.returncode, ended.stdout + ended.stderr

    code, table = run("tasks")
    assert (code, rb"g\xe4rtner" in table) == (0, True)
    code, document = run("tasks", "--json")
    assert (code, json.loads(document)["items"][0]["task"]) == (0, "g\u00e4rtner")
    code, refused = run("tasks", "--task", b"\xff")
    assert (code, b"task: it is not UTF-8" in refused) == (1, True)
    assert b"Traceback" not in refused

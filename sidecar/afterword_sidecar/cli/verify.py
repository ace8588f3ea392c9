"""``afterword verify``: are a book's verdicts what its evidence says, and is all of it here?"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from afterword_sidecar.cli.errors import CommandError
from afterword_sidecar.cli.rendering import COLOURS
from afterword_sidecar.cli.terminal import console, one_line, print_json
from afterword_sidecar.journal.chain import Mark
from afterword_sidecar.journal.files import segments_in
from afterword_sidecar.journal.recording import Sums
from afterword_sidecar.ledger.records import DeadLetter, Saved
from afterword_sidecar.stores.contract import DeadLetterQuery, Store, StoreError
from afterword_sidecar.stores.sqlite import SqliteStore
from afterword_sidecar.verifying.findings import Finding, Report
from afterword_sidecar.verifying.kept import Kept, KeptStream
from afterword_sidecar.verifying.verification import Verification

WRONG: Final = 1
NOT_ALL_TOLD: Final = 3
"""Exit codes; 0: every verdict is confirmed, nothing is missing. 2 is wrong usage, as ever."""
_LETTERS_A_PAGE: Final = 1_000
_FINDING_COLOURS: Final = {"confirmed": "green", "contradicted": "bold red"}


@click.command(
    epilog="Exit codes: 0 all is confirmed; 1 something is wrong; 3 nothing is wrong, but not all "
    "can be told."
)
@click.argument(
    "directory",
    envvar="AFTERWORD_SIDECAR_JOURNAL",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option(
    "--database",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Compare with the book in this file, too; only where no sidecar holds it.",
)
@click.option(
    "--most", type=click.IntRange(0), default=20, show_default=True, help="Problems shown."
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.pass_context
def verify(
    context: click.Context, directory: Path, database: Path | None, most: int, *, as_json: bool
) -> None:
    """Derive every verdict anew from the journal in DIRECTORY, and compare.

    DIRECTORY is what the sidecar was given as --journal. Records that were altered, removed, put in
    or out of their place are named, and so is every verdict that the evidence contradicts.
    """
    try:
        report = _verified(directory, None if database is None else _kept(database))
    except OSError as error:
        why = error.strerror or error
        raise CommandError(f"cannot read the journal in {directory}: {why}") from error
    if as_json:
        _print_json(report, most)
    else:
        console().print(_shown(report, most))
    context.exit(WRONG if report.wrong else 0 if report.sure else NOT_ALL_TOLD)


def _verified(directory: Path, kept: Kept | None) -> Report:
    segments = segments_in(directory)
    if not segments:
        raise CommandError(
            f"there is no journal in {directory}", "name the directory a sidecar has as --journal"
        )
    size = sum(segment.path.stat().st_size for segment in segments)
    with _progress(size) as told:
        return Verification(directory, kept, told).run()


@contextmanager
def _progress(size_bytes: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, where somebody watches."""
    err = Console(stderr=True)
    if not err.is_terminal:
        yield lambda _done: None
        return
    columns = ("verifying", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        shown = bar.add_task("", total=size_bytes)
        yield lambda done: bar.update(shown, completed=done)


def _kept(path: Path) -> Kept:
    if not path.stat().st_size:  # it would become a book by being opened
        raise CommandError(f"there is no book {path}", "name the file a sidecar has kept")
    try:
        with closing(SqliteStore(path)) as store:
            saved = store.load()
            return Kept(
                book=store.book_id,
                mark=Mark.of(saved.mark),
                totals=Sums(saved.totals).values,
                streams=kept_streams(saved),
                letters={
                    (letter.settled.key[0].hex(), letter.settled.key[1]): _words(letter)
                    for letter in _letters(store)
                },
            )
    except StoreError as error:
        raise CommandError(str(error), "or verify the journal alone, without --database") from error


def kept_streams(saved: Saved) -> dict[str, KeptStream]:
    """What a book as it is kept has of each stream, by its name."""
    open_tasks = Counter(task.source.stream for task in saved.open_tasks)
    return {
        state.source.stream.hex(): KeptStream(state.highest, open_tasks[state.source.stream])
        for state in saved.streams
    }


def _letters(store: Store) -> Iterator[DeadLetter]:
    query = DeadLetterQuery(limit=_LETTERS_A_PAGE)
    while True:
        page = store.dead_letters(query)
        yield from page.letters
        if not page.next_cursor:
            return
        query = msgspec.structs.replace(query, cursor=page.next_cursor)


def _words(letter: DeadLetter) -> tuple[str, str, str, int, float]:
    said = letter.settled.verdict
    return (said.outcome, said.reason, said.basis, said.rule, said.at)


def _print_json(report: Report, most: int) -> None:
    document = msgspec.json.encode(
        {
            "ok": report.sure,
            "wrong": report.wrong,
            **{finding.name.lower(): report.total(finding) for finding in Finding},
            "verdicts": [
                {"verdict": said, **{f.name.lower(): counts[f.value] for f in Finding}}
                for said, counts in sorted(report.verdicts.items())
            ],
            "problem_counts": report.problem_counts,
            "problems": report.problems[:most],
            "records": report.records,
            "first_record": report.first,
            "last_record": report.last,
            "pruned_to": report.pruned_to,
            "segments": report.segments,
            "streams": report.streams,
            "open_tasks": report.open_tasks,
            "book": report.book,
            "compared_with": report.compared_with or None,
            "notes": report.notes,
        }
    )
    print_json(msgspec.json.format(document, indent=2))


def _shown(report: Report, most: int) -> Group:
    parts: list[RenderableType] = [_table(report), Text()]
    for problem in report.problems[:most]:
        text = Text("  ")
        text.append(problem.kind, style="yellow" if problem.kind == "cannot be told" else "red")
        text.append(f"  {one_line(problem.where)}  {one_line(problem.task)}\n    ")
        text.append(one_line(problem.what), style="dim")
        parts.append(text)
    more = report.problem_counts.total() - min(most, len(report.problems))
    if more > 0:
        parts.append(Text(f"  and {more:,} more (--most)", style="dim"))
    parts += [Text(f"  {one_line(note)}", style="dim") for note in report.notes]
    parts.append(_sentence(report))
    return Group(*parts)


def _table(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("VERDICT")
    table.add_column("BASIS")
    for finding in Finding:
        table.add_column(finding.value.upper(), justify="right")
    for said, counts in sorted(report.verdicts.items()):
        outcome, reason, basis = said.split("/")
        words = Text(outcome, style=COLOURS.get(outcome, ""))
        if reason != outcome:
            words.append(f" · {one_line(reason)}", style="not bold")
        table.add_row(
            words, basis, *(_count(finding, counts[finding.value]) for finding in Finding)
        )
    return table


def _count(finding: Finding, count: int) -> Text:
    if not count:
        return Text("·", style="dim")
    return Text(f"{count:,}", style=_FINDING_COLOURS.get(finding.value, "yellow"))


def _sentence(report: Report) -> Text:
    read = f"{report.records:,} records (no. {report.first:,} to {report.last:,})"
    compared = ", compared with the book" if report.compared_with else ""
    confirmed = f"{report.total(Finding.CONFIRMED):,} verdicts confirmed"
    if not report.records:
        return Text("There is not one record: nothing can be told.", style="yellow")
    if report.sure:
        told = Text(f"The chain is whole, and {confirmed}: {read}{compared}.", style="green")
        if not report.compared_with:
            told.append(
                "\nWhether it ends where the book does cannot be told without --database.", "dim"
            )
        return told
    found = ", ".join(f"{count:,} {kind}" for kind, count in report.problem_counts.most_common())
    style = "bold red" if report.wrong else "yellow"
    return Text(f"{found}; {confirmed}: {read}{compared}.", style=style)

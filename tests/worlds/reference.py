"""The reference pages' tables, made from the code: every metric and every command.

``python -m worlds.reference`` in ``tests/`` writes them anew; a test compares.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import click
from prometheus_client.metrics_core import Metric

from afterword_sidecar.cli import afterword
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Saved
from afterword_sidecar.metrics import Exemplars, Itself, ItsSpool, ItsUpstream, families

DOCS: Final = Path(__file__).parents[2] / "docs"


def exported_families() -> list[Metric]:
    """Every family that the sidecar can export."""
    spool = ItsSpool(
        streams_watched=1,
        streams_ended=1,
        lines_read=1,
        lines_skipped={},
        segments_deleted=1,
        unread_bytes=1,
        behind_since=1.0,
        readable=True,
    )
    upstream = ItsUpstream(
        sent={},
        dropped={},
        retries={},
        records_rejected={},
        queue_requests={},
        queue_bytes={},
        failing={},
        verdicts_sent=0,
        verdicts_dropped=0,
        verdicts_unpublished=0,
        missing_spans_sent=0,
    )
    view = Book(Limits(), Saved(), 0.0).view()
    itself = Itself(started_at=0.0, version="0", book_id="0", spool=spool, upstream=upstream)
    return list(families(view, itself, Exemplars()))


def metrics_table() -> str:
    """Every family with its type and what it says, in the order of ``/metrics``."""
    rows = [
        f"| `{_name(family)}` | {family.type} | {family.documentation} |"
        for family in exported_families()
    ]
    return "\n".join(["| metric | type | what it says |", "|---|---|---|", *rows])


def _name(family: Metric) -> str:
    suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
    return family.name + suffix


def commands_table() -> str:
    """Every command with its options, and what each says of itself."""
    return "\n\n".join(
        _command(path, command) for path, command in _commands("afterword", afterword)
    )


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _commands(f"{path} {name}", inner)
    else:
        yield path, command


def _command(path: str, command: click.Command) -> str:
    arguments = "".join(
        f" {each.make_metavar(click.Context(command))}"
        for each in command.params
        if isinstance(each, click.Argument)
    )
    title = f"### {path}{arguments}\n\n{_plain(command.help or '')}"
    options = [each for each in command.params if isinstance(each, click.Option)]
    if path == "afterword sidecar":
        return f"{title}\n\nIts flags are the sidecar's [settings](settings.md)."
    rows = [f"| `{each.opts[0]}` | {_plain(each.help or '')} |" for each in options]
    return (
        "\n".join([f"{title}\n", "| option | what it does |", "|---|---|", *rows])
        if rows
        else title
    )


def _plain(text: str) -> str:
    """One line, without what click reads as layout."""
    return re.sub(r"\s+", " ", text.replace("\b", "")).strip().replace("|", "\\|")


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "metrics.md": metrics_table,
    "commands.md": commands_table,
}
"""By page of ``docs``."""

_MARKED: Final = re.compile(
    r"(<!-- made from the code, do not edit -->\n\n).*?(<!-- end of what is made -->)", re.DOTALL
)


def written_anew(page: str) -> str:
    """A page with its table as the code has it. Raises ``ValueError`` where it has no marks."""
    document = (DOCS / page).read_text()
    table = TABLES[page]()
    made, count = _MARKED.subn(lambda found: f"{found[1]}{table}\n\n{found[2]}", document)
    if count != 1:
        raise ValueError(f"{page}: write its table anew: its marks are missing")
    return made


if __name__ == "__main__":
    for page in TABLES:
        (DOCS / page).write_text(written_anew(page))

"""``afterword tasks`` and ``afterword dead-letters``: what the book says, on a terminal."""

import re
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import click
import msgspec

from afterword import names
from afterword_sidecar.cli import rendering
from afterword_sidecar.cli.errors import CommandError
from afterword_sidecar.cli.source import (
    ApiSource,
    Asked,
    DatabaseSource,
    Source,
    all_dead_letters,
    all_tasks,
    all_with_payloads,
)
from afterword_sidecar.cli.terminal import console, print_json
from afterword_sidecar.cli.times import moment
from afterword_sidecar.ledger.facts import STREAM_BYTES
from afterword_sidecar.web import api_shapes as shapes

_SHORT_ID: Final = re.compile(r"[0-9a-f]{4,47}-[0-9]{1,16}")
_SEARCHED: Final = 20_000
"""Letters looked at for a shortened id."""

Command = Callable[..., None]


def reads_the_book(command: Command) -> Command:
    """Add ``--url`` and ``--database``; the command gets a ``source``."""

    @click.option(
        "--url",
        envvar="AFTERWORD_URL",
        default="http://127.0.0.1:9464",
        show_default=True,
        show_envvar=True,
        help="The operators' port of a running sidecar.",
    )
    @click.option(
        "--database",
        type=click.Path(path_type=Path),
        help="Read the book from its file; only where no sidecar holds it.",
    )
    @wraps(command)
    def wrapped(url: str, database: Path | None, **options: Any) -> None:
        chosen: Source = ApiSource(url) if database is None else DatabaseSource(database)
        with closing(chosen):
            command(source=chosen, **options)

    return wrapped


def filters(*outcomes: str) -> Callable[[Command], Command]:
    """Add the filters; the command gets them as ``asked``."""

    def decorate(command: Command) -> Command:
        @click.option("--service", help="Only this service.")
        @click.option("--task", help="Only tasks of this name.")
        @click.option("--outcome", type=click.Choice(outcomes), help="Only this outcome.")
        @click.option("--reason", help="Only this reason.")
        @click.option(
            "--since", metavar="MOMENT", callback=moment, help="Not before: 15m ago, or a moment."
        )
        @click.option(
            "--until", metavar="MOMENT", callback=moment, help="Before: 15m ago, or a moment."
        )
        @wraps(command)
        def wrapped(**options: Any) -> None:
            kinds = ("service", "task", "outcome", "reason", "since", "until")
            given = {kind: options.pop(kind) for kind in kinds}
            command(asked={k: v for k, v in given.items() if v is not None}, **options)

        return wrapped

    return decorate


@click.command()
@filters("in_flight", *names.OUTCOMES)
@click.option(
    "--limit",
    type=click.IntRange(1, sys.maxsize),
    default=100,
    show_default=True,
    help="At most so many.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@reads_the_book
def tasks(source: Source, asked: Asked, limit: int, *, as_json: bool) -> None:
    """Tasks in flight, and those settled lately.

    AGE is the time since the hand-over; of a settled task, since the verdict.
    """
    found = list(islice(all_tasks(source, asked, limit), limit))
    if as_json:
        _print_json({"items": found})
    elif not found:
        others = bool(asked) and any(all_tasks(source, {}, 1))
        why = "there are others" if others else "nothing is in flight or was settled lately"
        click.echo(f"no tasks{_under(asked)}; {why}")
    else:
        _print_table(found, limit, "tasks")


@click.group("dead-letters")
def dead_letters() -> None:
    """Tasks that did not complete, with their payloads."""


@dead_letters.command("list")
@filters(*names.OUTCOMES)
@click.option(
    "--state",
    type=click.Choice(["open", "closed"]),
    help="open, or closed: completed after all. Both, if not given.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, sys.maxsize),
    default=100,
    show_default=True,
    help="At most so many.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@reads_the_book
def list_letters(
    source: Source, asked: Asked, state: str | None, limit: int, *, as_json: bool
) -> None:
    """Dead letters, newest first."""
    asked = asked | ({"state": state} if state else {})
    found = list(islice(all_dead_letters(source, asked, limit), limit))
    if as_json:
        _print_json({"items": found})
    elif not found:
        click.echo(f"no dead letters{_under(asked)}; retention may have deleted older ones")
    else:
        _print_table(found, limit, "dead letters")


@dead_letters.command("show")
@click.argument("letter_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
@reads_the_book
def show(source: Source, letter_id: str, *, as_json: bool) -> None:
    """One dead letter: what it was, what happened, why we say so, its payload, and when.

    ID is an id as listed, such as 974d1b36-2. The part before the dash may be shortened to four
    digits or more, as long as only one letter fits; the number after it may not.
    """
    found = source.dead_letter(_full_id(source, letter_id))
    if found is None:
        raise _no_letter(letter_id)
    if as_json:
        _print_json(found)
    else:
        console().print(rendering.letter(found))


@dead_letters.command("export")
@filters(*names.OUTCOMES)
@click.option(
    "--state",
    type=click.Choice(["open", "closed"]),
    help="open, or closed: completed after all. Both, if not given.",
)
@click.option(
    "--output", type=click.File("wb", lazy=True), default="-", help="A file; standard output else."
)
@reads_the_book
def export(source: Source, asked: Asked, state: str | None, output: IO[bytes]) -> None:
    """All matching dead letters with their payloads, one JSON object a line."""
    asked = asked | ({"state": state} if state else {})
    count = 0
    for letter in all_with_payloads(source, asked):
        output.write(msgspec.json.encode(letter) + b"\n")
        count += 1
    output.flush()  # what does not fit on the disk was not exported
    click.echo(f"{count} dead letter{'' if count == 1 else 's'} exported", err=True)


def _full_id(source: Source, letter_id: str) -> str:
    prefix, _, sequence = letter_id.partition("-")
    if not _SHORT_ID.fullmatch(letter_id) or len(prefix) == 2 * STREAM_BYTES:
        return letter_id
    found = [
        letter.id
        for letter in all_dead_letters(source, {}, _SEARCHED)
        if letter.id.startswith(prefix) and letter.id.endswith(f"-{sequence}")
    ]
    if len(found) > 1:
        raise CommandError(f"{letter_id} is not unique", f"say which: {', '.join(found)}")
    if not found:
        raise _no_letter(letter_id)
    return found[0]


def _no_letter(letter_id: str) -> CommandError:
    return CommandError(
        f"there is no dead letter {letter_id!r}",
        "see `afterword dead-letters list`; retention may have deleted it",
    )


def _under(asked: Asked) -> str:
    return f" with {', '.join(f'{k}={v}' for k, v in asked.items())}" if asked else ""


def _print_table(found: list[Any], limit: int, what: str) -> None:
    out = console()
    out.print(rendering.task_table(found, out, datetime.now(UTC)))
    if len(found) == limit:
        click.echo(f"the first {limit} {what}; there may be more: --limit", err=True)


def _print_json(value: shapes.DeadLetterWithPayload | dict[str, Iterable[Any]]) -> None:
    print_json(msgspec.json.format(msgspec.json.encode(value), indent=2))

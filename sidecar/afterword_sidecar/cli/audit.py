"""``afterword audit``: can the book be trusted, and what exactly is missing where it cannot?"""

from collections.abc import Iterable, Iterator
from typing import Final

import click
import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from afterword_sidecar.cli.reading import reads_the_book
from afterword_sidecar.cli.source import Source
from afterword_sidecar.cli.terminal import console, one_line, print_json
from afterword_sidecar.cli.times import local
from afterword_sidecar.web import audit_shapes as shapes

UNBALANCED: Final = 1
INCOMPLETE: Final = 3
"""Exit codes, as those of ``afterword verify``: something is wrong; not all can be told."""
_RANGES_SHOWN: Final = 6


@click.command(
    epilog="Exit codes: 0 the book can be trusted; 3 evidence is missing or was turned away; "
    "1 it does not add up, cannot be read, or has never heard of the service. 'As told' instead of "
    "'complete': nothing is known to be missing, but processes fell silent without a goodbye."
)
@click.option("--service", default="", help="Only this service.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@reads_the_book
@click.pass_context
def audit(context: click.Context, source: Source, service: str, *, as_json: bool) -> None:
    """Whether the book can be trusted, by service and stream."""
    found = source.audit({"service": service} if service else {})
    if as_json:
        print_json(msgspec.json.format(msgspec.json.encode(found), indent=2))
    elif not found.services:
        click.echo("nothing was ever told to this book")
    else:
        console().print(_report(found))
    if not all(each.balanced for each in found.services):
        context.exit(UNBALANCED)
    if not found.trusted:
        context.exit(INCOMPLETE)


def _report(found: shapes.Audit) -> RenderableType:
    parts: list[RenderableType] = [_services(found.services)]
    for service in found.services:
        parts += _faults(service)
    parts += [Text(), _conclusion(found)]
    return Group(*parts)


def _services(services: Iterable[shapes.ServiceAudit]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("SERVICE", overflow="fold")
    for heading in ("SCHEDULED", "SETTLED", "OPEN", "STREAMS", "MISSING", "LOST", "REJECTED"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("THE BOOK")  # with all of it in 80 columns, for a service of usual length
    for each in services:
        table.add_row(
            one_line(each.service),
            f"{each.scheduled:,.0f}",
            f"{each.settled:,.0f}",
            f"{each.in_flight:,}",
            f"{each.streams_live}+{each.streams_ended} ended",
            _unless_none(each.missing),
            _unless_none(each.lost),
            _unless_none(sum(each.rejected.values())),
            _state(each),
        )
    return table


def _unless_none(count: float) -> Text:
    return Text(f"{count:,.0f}", style="yellow" if count else "dim")


def _state(service: shapes.ServiceAudit) -> Text:
    if not service.balanced:
        return Text("does not balance", style="bold red")
    if service.trusted:
        return Text("as told" if service.streams_silent else "complete", style="green")
    return Text("incomplete", style="yellow")


def _faults(service: shapes.ServiceAudit) -> Iterator[RenderableType]:
    for series in service.unbalanced:
        name = one_line(f"{service.service} {series.task}")
        yield Text(f"\n{name} does not add up: {series.difference:+,.0f}", style="bold red")
    for reason, count in service.rejected.items():
        yield Text(f"\n{one_line(service.service)}: {count:,.0f} records rejected as {reason}")
    if service.streams_silent:
        yield Text(f"\n{one_line(service.service)}: {_silence(service)}")
    for fault in service.streams_at_fault:
        yield Text()
        yield _fault(service.service, fault)
    if service.streams_left_off:
        yield Text(
            f"\nand {service.streams_left_off:,} more streams of {one_line(service.service)}"
        )


def _silence(service: shapes.ServiceAudit) -> str:
    many = service.streams_silent > 1
    who = f"{service.streams_silent:,} processes have" if many else "1 process has"
    first = f", the first since {local(service.silent_since)}" if many else ""
    since = first or f" since {local(service.silent_since)}"
    they = "they are" if many else "it is"
    return (
        f"{who} been silent{since}, without a goodbye: {they} idle, frozen by the platform, or "
        "gone. What was not sent by then, if anything, is not in the book."
    )


def _fault(service: str, fault: shapes.StreamAtFault) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    head = Text(one_line(service), style="bold")
    head.append(f"  stream {fault.stream}, {fault.state}", style="not bold")
    for name, value in (
        ("", head),
        ("instance", one_line(fault.instance or "")),
        ("wrong", "; ".join(fault.why)),
        ("missing", _ranges(fault)),
        ("since", local(fault.since)),
        ("last heard", local(fault.last_heard_at)),
        ("handed over", _of_all(fault.scheduled_arrived, fault.scheduled_reported)),
        ("ended", _of_all(fault.settled_arrived, fault.settled_reported)),
        ("in flight", f"{fault.open_tasks:,}"),
    ):
        if value:
            grid.add_row(name, value)
    return grid


def _of_all(arrived: int, reported: int) -> str:
    """How many tasks the book knows of, and of how many there are by the stream's own account."""
    if reported:
        return f"{arrived:,} in the book, {reported:,} by its own last count"
    return f"{arrived:,} in the book; it has not said how many there are"


def _ranges(fault: shapes.StreamAtFault) -> str:
    if not fault.missing:
        return ""
    shown = fault.ranges[:_RANGES_SHOWN]
    told = ", ".join(
        f"{each.first}" if each.first == each.last else f"{each.first} to {each.last}"
        for each in shown
    )
    left = fault.range_count - len(shown)
    more = f" and {left:,} more ranges" if left > 0 else ""
    return f"{fault.missing:,} of {fault.highest:,} numbers: {told}{more}"


def _conclusion(found: shapes.Audit) -> Text:
    if not all(each.balanced for each in found.services):
        return Text("The book does not add up: that is a bug, please report it.", style="bold red")
    if found.trusted:
        return Text("The book balances, and all that was told is in it.", style="green")
    return Text(
        "The book balances, but not all that was told is in it: tasks whose end is missing "
        "are judged without it.",
        style="yellow",
    )

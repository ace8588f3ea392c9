"""What the demo shows at its end: truth beside book, and where to look further."""

from rich import box
from rich.console import Console
from rich.table import Table

from examples.demo.comparison import Comparison
from examples.demo.stage import Stage

_COLOURS = {
    "completed": "green",
    "failed": "red",
    "timed_out": "yellow",
    "cancelled": "cyan",
    "dropped": "magenta",
    "unknown": "bright_black",
}
_MOST_DIFFERENCES = 20


def show_comparison(console: Console, comparison: Comparison) -> None:
    """The table, and every difference in words."""
    table = Table(
        title="What truly happened, and what the book says",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("task", "outcome", "reason", "basis"):
        table.add_column(heading, no_wrap=True)
    for heading in ("truly", "book"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    previous = ""
    for row in comparison.rows:
        if previous and row.task != previous:
            table.add_section()
        colour = _COLOURS.get(row.verdict.outcome, "")
        table.add_row(
            "" if row.task == previous else row.task,
            f"[{colour}]{row.verdict.outcome}[/]" if colour else row.verdict.outcome,
            row.verdict.reason,
            row.verdict.basis,
            str(row.truly),
            str(row.in_the_book),
            "[green]=[/]" if row.agreed else "[bold red]differs[/]",
        )
        previous = row.task
    table.add_section()
    truly = sum(row.truly for row in comparison.rows)
    told = sum(row.in_the_book for row in comparison.rows)
    mark = "[bold red]differs[/]" if comparison.differences else "[green]=[/]"
    table.add_row("[bold]all[/]", "", "", "", f"[bold]{truly}[/]", f"[bold]{told}[/]", mark)
    console.print(table)
    for words in comparison.differences[:_MOST_DIFFERENCES]:
        console.print(f"[red]{words}[/]")
    unsaid = len(comparison.differences) - _MOST_DIFFERENCES
    if unsaid > 0:
        console.print(f"[red]… and {unsaid} more[/]")


def show_where_to_look(console: Console, stage: Stage, lost: str, *, kept: bool) -> None:
    """Addresses and commands. ``lost``: the id of a killed task; empty if there is none."""
    url = stage.operators_url
    if kept:
        lines = [
            f"the page       {url}/",
            f"a killed task  {url}/{f'tasks/{lost}' if lost else 'losses'}",
            f"metrics        {url}/metrics",
            f"dead letters   {url}/api/v1/dead-letters",
            f"               .venv/bin/afterword dead-letters list --url {url}",
            f"tasks          .venv/bin/afterword tasks --url {url}",
            f"the shop       {stage.shop_url}/orders",
            f"its spool      {stage.spool}",
        ]
    else:
        database = stage.folder / "book.db"
        lines = [
            f"the book       .venv/bin/afterword dead-letters list --database {database}",
            f"the truth      {stage.truth_log}",
            f"the logs       {stage.folder / 'sidecar.log'}, {stage.folder / 'shop.log'}",
            "left running   make demo KEEP=1   (the page, metrics, API, more orders)",
        ]
    console.print("\n[bold]Where to look further[/]")
    for line in lines:
        console.print(line, soft_wrap=True)

"""``python -m worlds.faults``: every fault, the table, and the seed when something is off."""

import os
import random
import sys
from collections.abc import Iterator

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from worlds.faults.registry import FAULTS
from worlds.faults.run import Result, Run, run_all, runs_of
from worlds.faults.table import PIPED_WIDTH, summary_of, table_of

_SHOWN_DIFFERENCES = 5


@click.command()
@click.option("--tasks", default=100, show_default=True, help="Tasks of each row.")
@click.option("--seed", type=int, default=None, help="Repeat a run; a new one each time otherwise.")
@click.option("--only", default="", help="Rows whose name has this in it.")
@click.option("--delivery", default="", help="One way: spool, http or durable.")
@click.option("--verify", is_flag=True, help="Have every verdict derived anew from a journal.")
@click.option("--jobs", default=2, show_default=True, help="Rows run at once.")
def main(
    *, tasks: int, seed: int | None, only: str, delivery: str, verify: bool, jobs: int
) -> None:
    """Inject every fault, and hold the book against what truly happened."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    runs = runs_of([fault for fault in FAULTS if only.lower() in fault.name.lower()], delivery)
    if not runs:
        console.print("no such row; these there are:", *(each.name for each in FAULTS), sep="\n  ")
        sys.exit(2)
    console.print(f"SEED={seed}, {len(runs)} runs of {tasks} tasks")
    under_way = run_all(runs, tasks=tasks, seed=seed, jobs=jobs, verified=verify)
    results = _shown(console, runs, under_way)
    console.print(table_of(results, console.width))
    failing = [result for result in results if not (result.agrees or result.not_run)]
    for result in failing:
        _tell(console, result, tasks, seed)
    missing = [result for result in results if result.not_run]
    for result in missing:
        console.print(f"[bold red]NOT RUN[/] {result.run.fault.name}: {escape(result.not_run)}")
    console.print(summary_of(results), f"SEED={seed}")
    sys.exit(bool(failing or (missing and os.environ.get("CI"))))


def _shown(console: Console, runs: list[Run], under_way: Iterator[Result]) -> list[Result]:
    """Run them, with a bar; the results in the order of the runs."""
    columns = ("{task.description:45}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    done: dict[Run, Result] = {}
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task("", total=len(runs))
        for result in under_way:
            done[result.run] = result
            if not console.is_terminal:
                console.print(f"{len(done)}/{len(runs)} {_line(result)}")
            bar.update(shown, description=result.run.fault.name, advance=1)
    return [done[run] for run in runs]


def _line(result: Result) -> str:
    how = "[green]right[/]" if result.agrees else "[bold red]WRONG[/]"
    how = "[bold red]NOT RUN[/]" if result.not_run else how
    return f"{how} {result.run.fault.name}, {result.run.delivery}"


def _tell(console: Console, result: Result, tasks: int, seed: int) -> None:
    name, delivery = result.run.fault.name, result.run.delivery
    console.print(f"\n[bold red]{name}, {delivery}[/]")
    differences = result.judgement.differences
    for difference in differences[:_SHOWN_DIFFERENCES]:
        console.print(f"  {escape(difference)}")
    if len(differences) > _SHOWN_DIFFERENCES:
        console.print(f"  and {len(differences) - _SHOWN_DIFFERENCES} more")
    again = f'make faults ONLY="{name}" DELIVERY={delivery} N={tasks} SEED={seed}'
    console.print(f"  again: [bold]{again}[/]")


if __name__ == "__main__":
    main()

"""``python -m worlds.simulation``: run it, show it, and say the seed when it fails."""

import os
import random
import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from worlds.simulation.shards import ShardError, simulate_all


@click.command()
@click.option("--seed", type=int, default=None, help="Repeat a run; a new one each time otherwise.")
@click.option("--tasks", default=1_000_000, show_default=True, help="About so many, or more.")
@click.option("--processes", default=os.cpu_count() or 1, help="At the same time.")
def main(seed: int | None, tasks: int, processes: int) -> None:
    """Simulate a fleet: loss, copies, reordering, crashes, forks, clocks that are off or set."""
    console = Console()
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    console.print(f"seed {seed}, at least {tasks:,} tasks")
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console) as bar:
            shown = bar.add_task("tasks scheduled", total=tasks)
            result = simulate_all(
                seed, tasks, processes, lambda done: bar.update(shown, completed=done)
            )
    except ShardError as error:
        console.print(f"[bold red]{error}[/]")
        again = f"make simulate SEED={error.seed} TASKS={error.tasks}"
        console.print(f"run it again: [bold]{again}[/]")
        sys.exit(1)
    table = Table(title=f"{result.tasks:,} tasks of {result.processes} processes", min_width=60)
    table.add_column("what the book says, and the world confirms")
    table.add_column("tasks", justify="right")
    for kind, count in sorted(result.kinds.items(), key=lambda item: -item[1]):
        table.add_row(kind, f"{count:,}")
    console.print(table)
    console.print(
        f"[green]balanced after each of {result.commits:,} commits, and audited: every hole and "
        f"every total is what arrived[/]; {result.crashes} crashes of the sidecar; seed {seed}"
    )


if __name__ == "__main__":
    main()

"""``python -m worlds.crashes``: run it, show it, and say the seed when it fails."""

import asyncio
import random
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from worlds.crashes.run import crash


@click.command()
@click.option("--kills", default=100, show_default=True, help="How often the sidecar is killed.")
@click.option("--seed", type=int, default=None, help="Repeat the moments; new ones otherwise.")
def main(kills: int, seed: int | None) -> None:
    """Kill the sidecar with -9 under load: everything acknowledged is counted, nothing twice."""
    console = Console(highlight=False)
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    console.print(f"seed {seed}, {kills} kills")
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=console) as bar:
            shown = bar.add_task("kill -9 of the sidecar", total=kills)
            result = asyncio.run(
                crash(
                    Path(folder),
                    kills=kills,
                    seed=seed,
                    killed=lambda number: bar.update(shown, completed=number),
                )
            )
    except* AssertionError as errors:
        for error in errors.exceptions:
            console.print(f"[bold red]{type(error).__name__}[/]: {error}")
        console.print(f"the same moments again: [bold]make crashes N={kills} SEED={seed}[/]")
        sys.exit(1)
    console.print(
        f"[green]{result.tasks:,} tasks, each counted once after {result.kills} kills[/]: "
        f"{result.requests:,} requests, {result.sent_again} of them sent again, "
        f"{result.dead_letters:,} dead letters"
    )


main()

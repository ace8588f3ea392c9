"""``python -m worlds.mutation``: both kinds of mutants, the figures, and who survived."""

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from worlds.mutation.code import Figures, mutate
from worlds.mutation.table import killed, mutants

GOAL = 0.95


@click.command()
@click.option("--only", type=click.Choice(["table", "code"]), help="One kind of mutants.")
@click.option("--keep", type=click.Path(path_type=Path), help="Leave mutmut's bench here.")
def main(only: str | None, keep: Path | None) -> None:
    """Make the ledger wrong in every small way, and count how often its tests notice."""
    console = Console(highlight=False)
    figures: dict[str, Figures] = {}
    if only != "code":
        figures["transition table"] = _table(console)
    if only != "table":
        with tempfile.TemporaryDirectory(prefix="afterword-mutation-") as folder:
            figures["rules"] = mutate(keep or Path(folder))
    for what, found in figures.items():
        for name in found.survived:
            console.print(f"survived: {name}", markup=False)
        share = found.killed / found.total
        console.print(f"{what}: {found.killed} of {found.total} mutants killed, {share:.1%}")
    sys.exit(any(found.killed < GOAL * found.total for found in figures.values()))


def _table(console: Console) -> Figures:
    """Those that cannot be told from the original are not counted."""
    tried = [mutant for mutant in mutants() if not mutant.equivalent]
    progress = track(tried, "transition table", console=console)
    survived = [str(mutant) for mutant in progress if not killed(mutant)]
    return Figures(len(tried) - len(survived), survived)


main()

"""``make bench [ONLY=name]``: every figure this project promises, measured here and now.

Each benchmark is a process of its own. A goal that is missed is shown in red and is no error: the
exit code is 1 only if a benchmark could not run.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from benchmarks import report
from benchmarks.goals import BENCHMARKS, Benchmark

RESULTS = Path("build/bench.json")
MOST_SECONDS = 300.0
MOST_SAID = 2_000


class BenchmarkError(Exception):
    """A benchmark did not come to its figures; the message says how it ended."""


@click.command(help=__doc__)
@click.option("--only", type=click.Choice([each.name for each in BENCHMARKS]), default=None)
def main(only: str | None) -> None:
    console = Console(highlight=False)
    measured: dict[str, report.Figures] = {}
    failed: list[str] = []
    for benchmark in BENCHMARKS:
        if only in {None, benchmark.name}:
            began = time.monotonic()
            try:
                with console.status(f"measuring {benchmark.name} …"):
                    measured[benchmark.name] = _run(benchmark)
                console.print(f"{benchmark.name}: {time.monotonic() - began:.0f} s")
            except BenchmarkError as error:
                failed.append(benchmark.name)
                console.print(f"[bold red]{benchmark.name} could not run:[/]", escape(str(error)))
    report.write(RESULTS, measured)
    report.show(console, measured, failed)
    console.print(f"written to {RESULTS}")
    sys.exit(1 if failed else 0)


def _run(benchmark: Benchmark) -> report.Figures:
    """Its figures, from a process of its own."""
    try:
        ran = subprocess.run(
            (benchmark.interpreter, "-m", "benchmarks.figures", benchmark.name),
            env=os.environ | {"PYTHONPATH": "tests"},  # what tests share, benchmarks may use
            capture_output=True,
            timeout=MOST_SECONDS,
            check=False,
        )
    except OSError as error:
        raise BenchmarkError(f"{benchmark.interpreter} does not run: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"no figures after {MOST_SECONDS:.0f} s") from error
    if ran.returncode:
        said = ran.stderr.decode(errors="replace")[-MOST_SAID:]
        raise BenchmarkError(f"it ended with {ran.returncode}:\n{said}")
    try:
        figures: dict[str, float] = json.loads(ran.stdout)
    except ValueError as error:
        raise BenchmarkError(f"it printed no JSON: {ran.stdout[:200]!r}") from error
    if missing := {goal.key for goal in benchmark.goals} - figures.keys():
        raise BenchmarkError(f"it does not tell {', '.join(sorted(missing))}")
    return figures


if __name__ == "__main__":
    main()

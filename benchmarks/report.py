"""The table that ``make bench`` prints, and the file it leaves."""

import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.goals import BENCHMARKS, Benchmark

Figures = Mapping[str, float]


def machine() -> dict[str, str | int]:
    """What the figures were measured on."""
    processors = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    names = [line.partition(":")[2].strip() for line in processors if "model name" in line]
    return {
        "processor": names[0] if names else platform.machine(),
        "processors": os.cpu_count() or 0,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
    }


def write(path: Path, measured: Mapping[str, Figures]) -> None:
    """Put what was measured (by benchmark) into ``path``; figures of other benchmarks stay.

    The goals' keys stand at the top, the raw figures under ``raw``, and ``measured_at`` says when
    each benchmark ran.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for name, figures in measured.items():
        kept |= _goals_of(name, figures)
        kept["raw"] = kept.get("raw", {}) | _raw_of(name, figures)
        kept["measured_at"] = kept.get("measured_at", {}) | {name: now}
    kept["machine"] = machine()
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def show(console: Console, measured: Mapping[str, Figures], failed: Iterable[str]) -> None:
    """Each figure beside its goal, met or not; then the raw figures they are made of."""
    on = machine()
    title = f"{on['processors']} processors, {on['processor']}, {on['python']}, {on['system']}"
    goals = Table(title=title, title_style="dim", box=box.SIMPLE_HEAD, pad_edge=False)
    goals.add_column("what")
    for heading in ("goal", "measured"):
        goals.add_column(heading, justify="right", no_wrap=True)
    goals.add_column("", no_wrap=True)
    raw = Table(box=box.SIMPLE_HEAD, pad_edge=False, style="dim")
    raw.add_column("raw figure")
    raw.add_column("", justify="right", no_wrap=True)
    for benchmark in BENCHMARKS:
        if benchmark.name in measured:
            figures = measured[benchmark.name]
            for row in _goal_rows(benchmark, figures):
                goals.add_row(*row)
            for key, value in _raw_of(benchmark.name, figures).items():
                raw.add_row(key, _number(value))
        elif benchmark.name in failed:
            goals.add_row(benchmark.name, "", "", "[bold red]could not run[/]")
    console.print(goals)
    if raw.row_count:
        console.print(raw)


def _goal_rows(benchmark: Benchmark, figures: Figures) -> Iterator[tuple[str, str, str, str]]:
    for goal in benchmark.goals:
        figure = figures[goal.key]
        yield (
            goal.what,
            f"{goal.sign} {_number(goal.bound_beside(figures))} {goal.unit}".rstrip(),
            f"{_number(figure)} {goal.unit}".rstrip(),
            "[green]met[/]" if goal.met_by(figures) else "[bold red]missed[/]",
        )


def _goal_keys(name: str) -> set[str]:
    goals = [goal for each in BENCHMARKS if each.name == name for goal in each.goals]
    return {goal.key for goal in goals} | {goal.over for goal in goals if goal.over}


def _goals_of(name: str, figures: Figures) -> dict[str, float]:
    return {key: value for key, value in figures.items() if key in _goal_keys(name)}


def _raw_of(name: str, figures: Figures) -> dict[str, float]:
    return {key: value for key, value in figures.items() if key not in _goal_keys(name)}


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

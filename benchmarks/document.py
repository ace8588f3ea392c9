"""``python -m benchmarks.document``: the figures of ``build/bench.json``, put into the docs.

So that no number in the docs is anybody's memory of one. Run it after a whole ``make bench`` on a
machine that does nothing else.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from benchmarks.goals import BENCHMARKS

RESULTS: Final = Path("build/bench.json")
MARKED: Final = re.compile(
    r"(<!-- (figures|raw figures): .* -->\n).*?(<!-- end of \2 -->)", re.DOTALL
)
DOCUMENTS: Final = (Path("README.md"), Path("docs/design.md"))


def main() -> None:
    """What was not measured is said to be so."""
    results = json.loads(RESULTS.read_text())
    blocks = {"figures": _figures(results), "raw figures": _raw(results)}
    for path in DOCUMENTS:
        text = path.read_text()
        path.write_text(MARKED.sub(lambda found: found[1] + blocks[found[2]] + found[3], text))


def _figures(results: dict[str, Any]) -> str:
    rows = []
    for goal in (goal for benchmark in BENCHMARKS for goal in benchmark.goals):
        measured = results.get(goal.key)
        bound = f"{goal.sign} {_number(goal.bound_beside(results))} {goal.unit}".rstrip()
        if measured is None:
            told = "not measured"
        else:
            missed = "" if goal.met_by(results) else " (missed)"
            told = f"{_number(measured)} {goal.unit}".rstrip() + missed
        rows.append(f"| {goal.what} | {bound} | {told} |")
    heads = ["", "| what | goal | measured |", "|---|---|---|"]
    return "\n".join([*heads, *rows, "", _machine(results), "", ""])


def _raw(results: dict[str, Any]) -> str:
    rows = [f"| `{key}` | {_number(value)} |" for key, value in results["raw"].items()]
    return "\n".join(["", "| raw figure | |", "|---|---|", *rows, "", _machine(results), "", ""])


def _machine(results: dict[str, Any]) -> str:
    on = results["machine"]
    return (
        f"Measured by `make bench` on {on['processors']} processors ({on['processor']}), "
        f"{on['python']}, {on['system']}. Ratios are taken within one run; they carry over to "
        "other machines, absolute figures do not."
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()

"""The rules, mutated by mutmut in a copy of the package, and the ledger's tests run on each mutant.

mutmut wants to be where the sources are and to have a folder of its own beside them, so it works on
a bench: the package, the ledger's tests and their worlds, copied.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[3]
RULES: Final = (
    "verdicts",
    "circumstances",
    "clocks",
    "instances",
    "entries",
    "patience",
    "rollups",
)
"""Modules of the ledger that decide; the table, which is data, has mutants of its own."""

_SETUP: Final = """[mutmut]
source_paths=afterword_sidecar
only_mutate=
{modules}
also_copy=
    tests
    docs
pytest_add_cli_args_test_selection=
    tests/sidecar/ledger
pytest_add_cli_args=
    -p
    no:cacheprovider
    --deselect=tests/sidecar/ledger/test_book_stateful.py
use_git_change_detection=false
track_dependencies=false

[tool:pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
pythonpath = tests .
addopts = --import-mode=importlib
filterwarnings =
    error
"""


class Figures(NamedTuple):
    """What became of the mutants."""

    killed: int
    survived: list[str]

    @property
    def total(self) -> int:
        """All that were tried."""
        return self.killed + len(self.survived)


def mutate(bench: Path) -> Figures:
    """Make the bench anew, run mutmut on it, and read its results.

    Raises ``subprocess.CalledProcessError`` if mutmut itself fails.
    """
    _lay_out(bench)
    mutmut = [sys.executable, "-m", "mutmut"]
    subprocess.run([*mutmut, "run", "--max-children", "2"], cwd=bench, check=True)
    listed = subprocess.run(
        [*mutmut, "results", "--all", "true"],
        cwd=bench,
        check=True,
        capture_output=True,
        text=True,
    )
    results = [line.strip().rpartition(": ") for line in listed.stdout.splitlines() if ": " in line]
    (bench / "results.json").write_text(json.dumps({name: what for name, _, what in results}))
    noticed = {"killed", "timeout", "caught by type check", "suspicious"}
    survived = [f"{name} ({what})" for name, _, what in results if what not in noticed]
    return Figures(len(results) - len(survived), survived)


def _lay_out(bench: Path) -> None:
    shutil.rmtree(bench, ignore_errors=True)
    nothing_compiled = shutil.ignore_patterns("__pycache__")
    for source, target in (
        ("sidecar/afterword_sidecar", "afterword_sidecar"),
        ("tests/sidecar/ledger", "tests/sidecar/ledger"),
        ("tests/worlds", "tests/worlds"),
        ("docs", "docs"),
    ):
        shutil.copytree(ROOT / source, bench / target, ignore=nothing_compiled)
    modules = "\n".join(f"    afterword_sidecar/ledger/{name}.py" for name in RULES)
    (bench / "setup.cfg").write_text(_SETUP.format(modules=modules))

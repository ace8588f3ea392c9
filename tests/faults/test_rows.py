"""Every row of ``make faults``, small: families of rows, as most of a row is waiting.

Those on Vercel's runtime are run by ``make vercel``, in ``tests/on_vercel``.
"""

import os

import pytest

from worlds.faults.registry import FAMILIES, ON_SERVERS, ON_VERCEL
from worlds.faults.run import run_all, runs_in_turn, runs_of

TASKS = 12
SEED = 1
AT_ONCE = 4


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != ON_VERCEL])
def test_the_book_says_what_truly_happened(family: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No task wrong, none invisible, no success called lost; what died in a buffer stands apart."""
    runs = (runs_in_turn if family in ON_SERVERS else runs_of)(FAMILIES[family])
    results = list(run_all(runs, tasks=TASKS, seed=SEED, jobs=AT_ONCE))
    for result in results:
        judged, name = result.judgement, f"{result.run.fault.name}, {result.run.delivery}"
        if result.not_run and not os.environ.get("CI"):
            with capsys.disabled():
                print(f"\n#### NOT RUN: {name}: {result.not_run} ####")  # noqa: T201 - nobody shall miss it
            continue
        assert result.agrees, "\n".join((name, result.not_run, *judged.differences))
        assert judged.right + judged.died_in_buffer == judged.tasks > 0, name

"""The rows of ``make faults`` on Vercel's production runtime, small."""

from worlds.faults.registry import FAMILIES, ON_VERCEL
from worlds.faults.run import run_all, runs_in_turn

TASKS = 7
SEED = 1
AT_ONCE = 4


def test_the_book_says_what_truly_happened() -> None:
    """No task wrong, none invisible, no success called lost; what died in a buffer stands apart."""
    runs = runs_in_turn(FAMILIES[ON_VERCEL])
    for result in run_all(runs, tasks=TASKS, seed=SEED, jobs=AT_ONCE):
        judged, name = result.judgement, f"{result.run.fault.name}, {result.run.delivery}"
        assert result.agrees, "\n".join((name, result.not_run, *judged.differences))
        assert judged.right + judged.died_in_buffer == judged.tasks > 0, name

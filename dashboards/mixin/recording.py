"""Recording rules: what the alerts and the week's budget are built on.

Names are level:metric:operation. Levels: ``reason`` (job, service_name, task, outcome, reason) and
``task`` (job, service_name, task); instances are summed, since each sidecar has a book of its own.

- *settled* is net of amendments: a verdict that was taken back is taken back here.
- *judged* tasks are those settled, but for what the application cancelled itself (that is its
  will) and for unknown ends (which say nothing of the task; another alert watches them).
- *missed* tasks are those judged that did not complete.

Long windows add up whole five minutes, so a window is a sum of counts and never a mean of ratios.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dashboards.mixin.config import Config
from dashboards.mixin.promql import grown, indented, seconds, selector, share, total, total_of

TASK: Final = ("job", "service_name", "task")
REASON: Final = (*TASK, "outcome", "reason")

SETTLED: Final = "reason:afterword_tasks_settled:increase5m"
_JUDGED: Final = 'outcome!="unknown", reason!="cancelled"'


@dataclass(frozen=True)
class Record:
    """A recording rule."""

    record: str
    expression: str


def judged(window: str) -> str:
    """The recorded number of tasks judged in a window."""
    return f"task:afterword_tasks_judged:increase{window}"


def missed(window: str) -> str:
    """The recorded number of those that did not complete."""
    return f"task:afterword_tasks_missed:increase{window}"


def missed_share(window: str) -> str:
    """The recorded share of those that did not complete."""
    return f"task:afterword_tasks_missed:ratio{window}"


def timed_out(window: str) -> str:
    """The recorded number of tasks that timed out."""
    return f"task:afterword_tasks_timed_out:increase{window}"


def timed_out_share(window: str) -> str:
    """The recorded share of tasks that timed out."""
    return f"task:afterword_tasks_timed_out:ratio{window}"


BUDGET_LEFT: Final = "task:afterword_error_budget:left_ratio"
BUDGET_USED: Final = "task:afterword_task_budget_used:increase1h"
BUDGET_OVERUSED: Final = "task:afterword_task_budget_overused:increase1h"
BURIED: Final = "task:afterword_dead_letters_buried:increase5m"


def records(config: Config) -> list[Record]:
    """All of them, in the order in which they build on each other."""
    windows = sorted(
        {window for burn in config.burns for window in (burn.short, burn.long)} - {"5m"},
        key=seconds,
    )
    found = [
        Record(SETTLED, _settled(config)),
        Record(judged("5m"), total(TASK, selector(SETTLED, _JUDGED))),
        Record(missed("5m"), _of_judged('outcome!="completed"')),
        Record(timed_out("5m"), _of_judged('outcome="timed_out"')),
    ]
    for window in (*windows, config.period):
        found += [Record(name(window), _added_up(name, window)) for name in (judged, missed)]
    found += [
        Record(missed_share(window), share(missed(window), judged(window)))
        for window in ("5m", *windows, config.period)
    ]
    found += [Record(timed_out(window), _added_up(timed_out, window)) for window in ("1h", "1d")]
    found += [
        Record(timed_out_share(window), share(timed_out(window), judged(window)))
        for window in ("1h", "1d")
    ]
    left = f"1 - {missed_share(config.period)} / {1 - config.objective:.6g}"
    return [*found, Record(BUDGET_LEFT, left), *_others(config)]


def _others(config: Config) -> list[Record]:
    name = "afterword_task_budget_used_ratio"
    used = f"increase({name}_count[1h])"
    below = f'increase({name}_bucket{{le="{config.budget_used}"}}[1h])'
    buried = grown("afterword_dead_letters_buried", "", "5m", config.outage_bridged)
    return [
        Record(BUDGET_USED, total(TASK, used)),
        Record(BUDGET_OVERUSED, f"{total(TASK, used)}\n- {total(TASK, below)}"),
        Record(BURIED, total_of(TASK, buried)),
    ]


def _added_up(name: Callable[[str], str], window: str) -> str:
    return f"sum_over_time({name('5m')}[{window}:5m])"


def _of_judged(matcher: str) -> str:
    """Those judged that match: 0, and not nothing, where none did."""
    return f"{total(TASK, selector(SETTLED, _JUDGED, matcher))}\nor\n0 * {judged('5m')}"


def _settled(config: Config) -> str:
    """Pronounced less taken back, by outcome and reason, for what the application handed over."""
    origin = 'origin="app"'
    bridged = config.outage_bridged
    pronounced = grown("afterword_tasks_settled", origin, "5m", bridged)
    amended = grown("afterword_tasks_amended", origin, "5m", bridged)
    taken_back = (
        f'label_replace(\n  label_replace(\n{indented(amended, 4)},\n    "outcome", "$1", '
        f'"from_outcome", "(.*)"\n  ),\n  "reason", "$1", "from_reason", "(.*)"\n)'
    )
    none = f"0 * {total(REASON, selector('afterword_tasks_settled_total', origin))}"
    return (
        f"{total_of(REASON, pronounced)}\n- (\n"
        f"{indented(total_of(REASON, taken_back))}\n  or\n  {none}\n)"
    )

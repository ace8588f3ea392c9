"""Recording rules: what the alerts and the week's budget are built on.

Names are level:metric:operation. Levels: ``reason`` (job, service_name, task, outcome, reason) and
``task`` (job, service_name, task); instances are summed, since each sidecar has a book of its own.

- *settled* is net of amendments: a verdict that was taken back is taken back here.
- *judged* tasks are those settled, but for what the application cancelled itself (that is its
  will) and for unknown ends (which say nothing of the task; another alert watches them).
- *missed* tasks are those judged that did not complete: failed, timed out, dropped, or cancelled
  because the client went away. With unknown ends they are the *lost* ones of the dashboards.

Long windows add up whole steps, so a window is a sum of counts and never a mean of ratios.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dashboards.mixin.config import Config
from dashboards.mixin.promql import grown, indented, seconds, selector, share, total, total_of

TASK: Final = ("job", "service_name", "task")
REASON: Final = (*TASK, "outcome", "reason")

_JUDGED: Final = 'outcome!="unknown", reason!="cancelled"'
_SCRAPED: Final = "instance:afterword_scraped:timestamp_seconds"


@dataclass(frozen=True)
class Record:
    """A recording rule."""

    record: str
    expression: str


def settled(window: str) -> str:
    """The recorded number of tasks settled in a window, by outcome and reason."""
    return f"reason:afterword_tasks_settled:increase{window}"


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


def budget_used(window: str) -> str:
    """The recorded number of tasks that had a deadline."""
    return f"task:afterword_task_budget_used:increase{window}"


def budget_overused(window: str) -> str:
    """The recorded number of those that came close to it."""
    return f"task:afterword_task_budget_overused:increase{window}"


def buried(window: str) -> str:
    """The recorded number of new dead letters."""
    return f"task:afterword_dead_letters_buried:increase{window}"


def counted(counter: str, matchers: str, window: str, config: Config) -> str:
    """``grown``, and what is new: young, or born after Prometheus last reached the sidecar.

    By the second, what happened first while Prometheus was away is seen when it is back; and a
    series that is only called otherwise (relabelled), or an old book in a new Prometheus, is not
    told as news.
    """
    apart = config.clocks_apart_seconds
    last = f"last_over_time({_SCRAPED}[{config.outage_bridged}] offset {window})"
    limits = (
        f"time() - {seconds(window) + apart}",
        f"on (job, instance) group_left () ({last} - {apart})",
    )
    return grown(counter, [matchers], window, config.outage_bridged, limits)


def records(config: Config) -> list[Record]:
    """All of them, in the order in which they build on each other."""
    step = config.step
    windows = sorted(
        {window for burn in config.burns for window in (burn.short, burn.long)} - {step},
        key=seconds,
    )
    up = selector("up", f'job="{config.job}"')
    found = [
        Record(_SCRAPED, f"max by (job, instance) (timestamp({up}) and {up} == 1)"),
        Record(settled(step), _settled(config)),
        Record(judged(step), total(TASK, selector(settled(step), _JUDGED))),
        Record(missed(step), _of_judged(step, 'outcome!="completed"')),
        Record(timed_out(step), _of_judged(step, 'outcome="timed_out"')),
    ]
    for window in (*windows, config.period):
        found += [Record(name(window), _added_up(name, window, step)) for name in (judged, missed)]
    found += [
        Record(missed_share(window), share(missed(window), judged(window)))
        for window in (step, *windows, config.period)
    ]
    compared = (config.timeouts_window, config.timeouts_before)
    found += [Record(timed_out(window), _added_up(timed_out, window, step)) for window in compared]
    found += [
        Record(timed_out_share(window), share(timed_out(window), judged(window)))
        for window in compared
    ]
    left = f"1 - {missed_share(config.period)} / {1 - config.objective:.6g}"
    return [*found, Record(BUDGET_LEFT, left), *_others(config)]


def _others(config: Config) -> list[Record]:
    name = "afterword_task_budget_used_ratio"
    window, step = config.budget_window, config.step
    used = f"increase({name}_count[{window}])"
    below = f'increase({name}_bucket{{le="{config.budget_used}"}}[{window}])'
    new = counted("afterword_dead_letters_buried", "", step, config)
    return [
        Record(budget_used(window), total(TASK, used)),
        Record(budget_overused(window), f"{total(TASK, used)}\n- {total(TASK, below)}"),
        Record(buried(step), total_of(TASK, new)),
    ]


def _added_up(name: Callable[[str], str], window: str, step: str) -> str:
    return f"sum_over_time({name(step)}[{window}:{step}])"


def _of_judged(step: str, matcher: str) -> str:
    """Those judged that match: 0, and not nothing, where none did."""
    return f"{total(TASK, selector(settled(step), _JUDGED, matcher))}\nor\n0 * {judged(step)}"


def _settled(config: Config) -> str:
    """Pronounced less taken back, by outcome and reason, for what the application handed over."""
    origin = 'origin="app"'
    pronounced = counted("afterword_tasks_settled", origin, config.step, config)
    amended = counted("afterword_tasks_amended", origin, config.step, config)
    taken_back = (
        f'label_replace(\n  label_replace(\n{indented(amended, 4)},\n    "outcome", "$1", '
        f'"from_outcome", "(.*)"\n  ),\n  "reason", "$1", "from_reason", "(.*)"\n)'
    )
    return total_of(REASON, f"{pronounced}\nor\n-1 * {taken_back}")

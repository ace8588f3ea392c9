"""Task: one service and task, from its outcomes to the traces and dead letters behind them."""

from typing import Final

from dashboards.mixin.board import board, one, page, services, tasks
from dashboards.mixin.config import Config
from dashboards.mixin.overview import oldest_age
from dashboards.mixin.panels import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    Panel,
    Query,
    heat,
    lines,
    number,
    of_task,
)
from dashboards.mixin.promql import RATE
from dashboards.mixin.shown import SETTLED, TASK, completed_share, in_step

UID: Final = "afterword-task"
_LETTERS: Final = "${page}/losses?service=${service:percentencode}&task=${task:percentencode}"
_QUANTILES: Final = ((0.5, "median"), (0.95, "95th"), (0.99, "99th"))


def task(config: Config) -> str:
    """``task.json``."""
    return board(
        UID,
        "Afterword / Task",
        "One deferred task: what becomes of it, how long it takes, and what it leaves behind.",
        [
            ("Now", _now(config)),
            ("What becomes of it", _outcomes()),
            ("How long it takes", _durations(config)),
            ("What it leaves", _letters(config)),
        ],
        [one(services()), one(tasks()), page(config)],
    )


def _now(config: Config) -> list[Panel]:
    objective = config.objective
    in_flight = 'outcome="in_flight"'
    return [
        number(
            "Completed",
            f"Share that completed, of those judged in the range shown. The objective is "
            f"{objective:.6g}.",
            completed_share(),
            unit="percentunit",
            decimals=2,
            steps=[(None, RED), (objective - (1 - objective), YELLOW), (objective, GREEN)],
            width=6,
            nothing="no tasks",
        ),
        number(
            "In flight",
            "Handed over and not ended.",
            f"sum({of_task('afterword_tasks', in_flight)})",
            unit="short",
            steps=[(None, BLUE)],
            width=6,
        ),
        number(
            "Oldest in flight",
            "How long ago it was handed over.",
            oldest_age(""),
            unit="s",
            decimals=0,
            steps=[
                (None, GREEN),
                (config.oldest_seconds / 3, YELLOW),
                (config.oldest_seconds, RED),
            ],
            width=6,
        ),
        number(
            "Dead letters open",
            "Kept, with the payload where it was captured. Leads to them on the sidecar's page.",
            f"sum({of_task('afterword_dead_letters')})",
            unit="short",
            steps=[(None, GREEN), (1, YELLOW), (config.letters_buried, RED)],
            width=6,
            link=("Its dead letters", _LETTERS),
        ),
    ]


def _outcomes() -> list[Panel]:
    amended = of_task("afterword_tasks_amended_total")
    scheduled = of_task("afterword_tasks_scheduled_total")
    return [
        lines(
            "Settled, by outcome and reason",
            "Verdicts in each step of the picture, from the first one on. Points are traces of "
            "tasks that settled so.",
            [
                Query(
                    f"sum by (outcome, reason) ({in_step(SETTLED, *TASK)}) > 0",
                    "{{outcome}}: {{reason}}",
                    exemplars=True,
                )
            ],
            unit="short",
            width=12,
            bars=True,
            link=("Its dead letters", _LETTERS),
        ),
        lines(
            "Handed over, by platform",
            "Tasks a second; a replay is an attempt at a task that was lost before.",
            [
                Query(
                    f"sum by (platform, origin) (rate({scheduled}[{RATE}]))",
                    "{{platform}} ({{origin}})",
                )
            ],
            unit="cps",
            width=6,
            stacked=True,
        ),
        lines(
            "Amended",
            "Verdicts a second that were taken back because better evidence came late.",
            [
                Query(
                    f"sum by (from_reason, to_reason) (rate({amended}[{RATE}]))",
                    "{{from_reason}} was {{to_reason}}",
                )
            ],
            unit="cps",
            width=6,
        ),
    ]


def _durations(config: Config) -> list[Panel]:
    duration = of_task("afterword_task_duration_seconds_bucket")
    budget = of_task("afterword_task_budget_used_ratio_bucket")
    return [
        heat(
            "Duration",
            "How long tasks ran, by their own clock: tasks a second in each bucket.",
            f"sum by (le) (rate({duration}[{RATE}]))",
            unit="s",
        ),
        lines(
            "Duration, quantiles",
            "Points are traces of tasks that took so long.",
            [
                Query(_quantile(of, duration), name, exemplars=of == _QUANTILES[-1][0])
                for of, name in _QUANTILES
            ],
            unit="s",
        ),
        lines(
            "Start delay",
            "From the hand-over to the first step: a loop that is blocked, or a platform that "
            "starts work late.",
            [
                Query(_quantile(of, of_task("afterword_task_start_delay_seconds_bucket")), name)
                for of, name in _QUANTILES
            ],
            unit="s",
        ),
        lines(
            "Budget headroom",
            "What is left of the time until the platform's deadline when a task ends, for the "
            "slowest 5 % and 1 %. At 0 the platform cuts work off.",
            [
                Query(f"clamp_min(1 - {_quantile(of, budget)}, 0)", f"{name} percentile")
                for of, name in _QUANTILES[1:]
            ],
            unit="percentunit",
            steps=[(None, RED), (round(1 - config.budget_used, 6), GREEN)],
        ),
    ]


def _letters(config: Config) -> list[Panel]:
    buried = in_step("afterword_dead_letters_buried", *TASK)
    mean = [
        f"sum by (task) (rate({of_task(f'afterword_task_{name}_sum')}[{RATE}])) / "
        f"(sum by (task) (rate({of_task(f'afterword_task_{name}_count')}[{RATE}])) > 0)"
        for name in ("duration_seconds", "start_delay_seconds")
    ]
    budget = "afterword_task_budget_used_ratio"
    mean_budget = (
        f"sum by (task) (rate({of_task(budget + '_sum')}[{RATE}])) / "
        f"(sum by (task) (rate({of_task(budget + '_count')}[{RATE}])) > 0)"
    )
    return [
        lines(
            "New dead letters, by outcome",
            "In each step of the picture. A bar leads to them on the sidecar's page.",
            [Query(f"sum by (outcome) ({buried}) > 0", "{{outcome}}")],
            unit="short",
            width=8,
            bars=True,
            link=("Its dead letters", _LETTERS),
        ),
        lines(
            "Mean duration and start delay",
            "Of the tasks that ended.",
            [Query(mean[0], "{{task}}: ran"), Query(mean[1], "{{task}}: waited to start")],
            unit="s",
            width=8,
        ),
        lines(
            "Mean budget used",
            "Of the time until the platform's deadline, by the tasks that had one.",
            [Query(mean_budget, "{{task}}")],
            unit="percentunit",
            width=8,
            steps=[(None, GREEN), (config.budget_used, YELLOW), (1, RED)],
        ),
    ]


def _quantile(of: float, buckets: str) -> str:
    return f"histogram_quantile({of}, sum by (le) (rate({buckets}[{RATE}])))"

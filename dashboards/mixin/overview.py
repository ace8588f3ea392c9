"""Overview: is the book balanced, is the objective met, and which tasks are worst."""

from typing import Any, Final

from dashboards.mixin.board import board, page, services, tasks
from dashboards.mixin.config import Config
from dashboards.mixin.panels import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    Column,
    Panel,
    Query,
    lines,
    number,
    of_service,
    of_task,
    rows,
)
from dashboards.mixin.promql import RATE, selector, total
from dashboards.mixin.recording import BUDGET_LEFT
from dashboards.mixin.shown import (
    LOST,
    SETTLED,
    TASK,
    completed_share,
    in_step,
    settled_in_range,
)

UID: Final = "afterword-overview"
TASK_BOARD: Final = (
    "/d/afterword-task/?${datasource:queryparam}&${job:queryparam}&${instance:queryparam}"
)
_SERIES: Final = "job, instance, service_name, task, platform, origin"
_RECORDED: Final = ('job=~"$job"', 'service_name=~"$service"', 'task=~"$task"')
_SERVICE: Final = TASK[:-1]
_IN_FLIGHT: Final = 'outcome="in_flight"'
_OLDEST: Final = "afterword_oldest_in_flight_timestamp_seconds"


def overview(config: Config) -> str:
    """``overview.json``."""
    return board(
        UID,
        "Afterword / Overview",
        "Deferred work: whether the book is balanced, what is lost, and which tasks are worst.",
        [
            ("The book", _book(config)),
            ("What is lost", _lost()),
            ("What runs", _running(config)),
            ("Worst tasks", [_worst(config)]),
        ],
        [services(), tasks(), page(config)],
    )


def unbalanced() -> str:
    """By how much the book is out, at the worst series. It is made of totals, not of rates."""
    amended = f"sum by ({_SERIES}) ({of_task('afterword_tasks_amended_total')})"
    scheduled = f"sum by ({_SERIES}) ({of_task('afterword_tasks_scheduled_total')})"
    settled = f"sum by ({_SERIES}) ({of_task('afterword_tasks_settled_total')})"
    flying = f"sum by ({_SERIES}) ({of_task('afterword_tasks', _IN_FLIGHT)})"
    return f"max(abs({scheduled} - {settled} + ({amended} or 0 * {settled}) - {flying}))"


def oldest_age(by: str) -> str:
    """Seconds since the oldest task in flight was handed over."""
    return f"time() - min{by}({of_task(_OLDEST)})"


def _book(config: Config) -> list[Panel]:
    objective = config.objective
    return [
        number(
            "Balance",
            "Scheduled less settled, amended back, less in flight, at the worst series. 0 is "
            "balanced; anything else is a defect of the sidecar.",
            unbalanced(),
            unit="short",
            steps=[(None, GREEN), (1, RED)],
            said={"0": "balanced"},
        ),
        number(
            "Completed",
            f"Share of tasks that completed, of those judged in the range shown. The objective is "
            f"{objective:.6g}. What the application cancelled itself, and what nobody knows, is "
            "not judged.",
            completed_share(),
            unit="percentunit",
            decimals=2,
            steps=[(None, RED), (objective - (1 - objective), YELLOW), (objective, GREEN)],
            nothing="no tasks",
        ),
        number(
            "Error budget left",
            f"Of the failures that the objective allows in {config.period}, what is left for the "
            "worst task. Below 0 the objective is missed. Recorded by the rules.",
            f"min({selector(BUDGET_LEFT, *_RECORDED)})",
            unit="percentunit",
            decimals=0,
            steps=[(None, RED), (0, YELLOW), (0.5, GREEN)],
            nothing="no tasks",
        ),
        number(
            "In flight",
            "Tasks handed over that have not ended.",
            f"sum({of_task('afterword_tasks', _IN_FLIGHT)})",
            unit="short",
            steps=[(None, BLUE)],
        ),
        number(
            "Oldest in flight",
            "How long ago the oldest of them was handed over.",
            oldest_age(""),
            unit="s",
            decimals=0,
            steps=[
                (None, GREEN),
                (config.oldest_seconds / 3, YELLOW),
                (config.oldest_seconds, RED),
            ],
        ),
        number(
            "Dead letters open",
            "Tasks that did not complete and are kept, with their payload where it was captured.",
            f"sum({of_task('afterword_dead_letters')})",
            unit="short",
            steps=[(None, GREEN), (1, YELLOW), (config.letters_buried, RED)],
            link=("Dead letters", "${page}/losses?state=open"),
        ),
    ]


def _lost() -> list[Panel]:
    def counted(outcome: str, by: str) -> Query:
        steps = in_step(SETTLED, *TASK, f'outcome="{outcome}"')
        query = f"sum by ({by}) ({steps}) > 0"
        return Query(query, f"{{{{{by}}}}}", exemplars=outcome == "failed")

    said = "in each step of the picture, from the first one on. Amended ones are still in here."
    return [
        lines(
            "Dropped, by reason",
            f"Tasks that never had a chance to end, {said}",
            [counted("dropped", "reason")],
            unit="short",
            width=8,
            bars=True,
        ),
        lines(
            "Failed, by task",
            f"Tasks that raised, {said}",
            [counted("failed", "task")],
            unit="short",
            width=8,
            bars=True,
        ),
        lines(
            "Timed out, by reason",
            "Tasks whose own timeout ran out, that raised TimeoutError, or that the platform cut "
            f"off, {said}",
            [counted("timed_out", "reason")],
            unit="short",
            width=8,
            bars=True,
        ),
    ]


def _running(config: Config) -> list[Panel]:
    buckets = of_task("afterword_task_budget_used_ratio_bucket")
    used = f"histogram_quantile(0.95, sum by (task, le) (rate({buckets}[{RATE}])))"
    return [
        lines(
            "In flight, by task",
            "Tasks handed over that have not ended.",
            [Query(f"sum by (task) ({of_task('afterword_tasks', _IN_FLIGHT)})", "{{task}}")],
            unit="short",
            width=6,
            stacked=True,
        ),
        lines(
            "Oldest in flight, by task",
            "How long ago the oldest task was handed over. The line is where the alert begins.",
            [Query(oldest_age(" by (task) "), "{{task}}")],
            unit="s",
            width=6,
            steps=[(None, GREEN), (config.oldest_seconds, RED)],
        ),
        lines(
            "Budget used, 95th percentile",
            "How much of the time until the platform's deadline tasks use. The line is where the "
            "alert looks; at 100 % the platform cuts work off.",
            [Query(used, "{{task}}")],
            unit="percentunit",
            width=6,
            steps=[(None, GREEN), (config.budget_used, YELLOW), (1, RED)],
        ),
        lines(
            "Evidence missing",
            "Records that have not come though later ones have (holes), and those given up, in "
            "each step. Lost telemetry, not lost tasks.",
            [
                Query(
                    f"sum by (service_name) ({of_service('afterword_evidence_holes')})",
                    "{{service_name}}: holes",
                ),
                Query(
                    f"sum by (service_name) ({in_step('afterword_evidence_lost', *_SERVICE)})",
                    "{{service_name}}: given up",
                ),
            ],
            unit="short",
            width=6,
            steps=[(None, GREEN), (1, YELLOW)],
        ),
    ]


def _worst(config: Config) -> Panel:
    by = ("service_name", "task")
    lost = settled_in_range(by, *LOST)
    # The same twenty in every column: a task that only some of them had would show 0 in others.
    these = f"and on ({', '.join(by)})\ntopk(20, {lost})"

    def column(name: str, expression: str, unit: str = "short", **shown: Any) -> Column:
        return Column(name, f"({expression})\n{these}", unit, **shown)

    def settled(name: str, *matchers: str) -> Column:
        return column(name, settled_in_range(by, *matchers), steps=((None, "text"), (1, RED)))

    objective = config.objective
    service, task = ("${__data.fields." + name + ":percentencode}" for name in ("Service", "Task"))
    return rows(
        "Worst tasks",
        "The twenty tasks with the most losses in the range shown, net of amendments: dropped, "
        "failed, timed out, cancelled because the client went away, or unknown. In flight and dead "
        "letters are as of now. A row leads to the task.",
        {"service_name": "Service", "task": "Task"},
        [
            Column("Lost", f"topk(20, {lost})", steps=((None, "text"), (1, RED))),
            column(
                "Completed",
                completed_share(by),
                "percentunit",
                steps=(
                    (None, RED),
                    (objective - (1 - objective), YELLOW),
                    (objective, GREEN),
                ),
                nothing="none judged",
            ),
            settled("Dropped", 'outcome="dropped"'),
            settled("Failed", 'outcome="failed"'),
            settled("Timed out", 'outcome="timed_out"'),
            settled("Client gone", 'outcome="cancelled"', 'reason!="cancelled"'),
            settled("Unknown", 'outcome="unknown"'),
            column("In flight", total(by, of_task("afterword_tasks", _IN_FLIGHT))),
            column("Dead letters", total(by, of_task("afterword_dead_letters"))),
        ],
        link=(
            "This task",
            f"{TASK_BOARD}&var-service={service}&var-task={task}",
        ),
    )

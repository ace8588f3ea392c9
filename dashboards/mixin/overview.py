"""Overview: is the book balanced, is the objective met, and which tasks are worst."""

from typing import Final

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
from dashboards.mixin.promql import RATE, selector
from dashboards.mixin.recording import BUDGET_LEFT

UID: Final = "afterword-overview"
TASK_BOARD: Final = (
    "/d/afterword-task/?${datasource:queryparam}&${job:queryparam}&${instance:queryparam}"
)
_SERIES: Final = "job, instance, service_name, task, platform, origin"
_JUDGED: Final = 'outcome!="unknown", reason!="cancelled"'
_JUDGED_BEFORE: Final = 'from_outcome!="unknown", from_reason!="cancelled"'
_RECORDED: Final = ('job=~"$job"', 'service_name=~"$service"', 'task=~"$task"')
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


def completed_share() -> str:
    """Of the tasks judged in the range shown, net of amendments."""
    completed = of_task("afterword_tasks_settled_total", 'outcome="completed"')
    settled = of_task("afterword_tasks_settled_total", _JUDGED)
    amended = of_task("afterword_tasks_amended_total", _JUDGED_BEFORE)
    return (
        f"sum(increase({completed}[$__range])) / (sum(increase({settled}[$__range])) - "
        f"(sum(increase({amended}[$__range])) or vector(0)) > 0)"
    )


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
    def rate(outcome: str) -> str:
        chosen = of_task("afterword_tasks_settled_total", f'outcome="{outcome}"')
        return f"sum by (reason) (rate({chosen}[{RATE}])) > 0"

    failed = of_task("afterword_tasks_settled_total", 'outcome="failed"')

    return [
        lines(
            "Dropped, by reason",
            "Tasks a second that never had a chance to end. Amended ones are still in here.",
            [Query(rate("dropped"), "{{reason}}")],
            unit="cps",
            width=8,
            stacked=True,
        ),
        lines(
            "Failed, by task",
            "Tasks a second that raised.",
            [
                Query(
                    f"sum by (task) (rate({failed}[{RATE}])) > 0",
                    "{{task}}",
                    exemplars=True,
                )
            ],
            unit="cps",
            width=8,
            stacked=True,
        ),
        lines(
            "Timed out, by reason",
            "Tasks a second whose own timeout ran out, that raised TimeoutError, or that the "
            "platform cut off.",
            [Query(rate("timed_out"), "{{reason}}")],
            unit="cps",
            width=8,
            stacked=True,
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
            "Records that have not come though later ones have (holes), and those given up, a "
            "second. Lost telemetry, not lost tasks.",
            [
                Query(
                    f"sum by (service_name) ({of_service('afterword_evidence_holes')})",
                    "{{service_name}}: holes",
                ),
                Query(
                    f"sum by (service_name) (rate({of_service('afterword_evidence_lost_total')}"
                    f"[{RATE}]))",
                    "{{service_name}}: given up",
                ),
            ],
            unit="short",
            width=6,
            steps=[(None, GREEN), (1, YELLOW)],
        ),
    ]


def _worst(config: Config) -> Panel:
    by = "sum by (service_name, task)"

    def net(outcomes: str) -> str:
        matcher = f'outcome=~"{outcomes}"'
        return f"{by} ({of_task('afterword_tasks', matcher)})"

    bad = "dropped|failed|timed_out"
    share = f"{net('completed')} / ({net(f'completed|{bad}')} > 0)"
    objective = config.objective
    red = ((None, "text"), (1, RED))
    return rows(
        "Worst tasks",
        "The twenty tasks with the most losses, since the book began and net of amendments. A row "
        "leads to the task.",
        {"service_name": "Service", "task": "Task"},
        [
            Column("Lost", f"topk(20, {net(bad)})", steps=red),
            Column(
                "Completed",
                share,
                "percentunit",
                ((None, RED), (objective - (1 - objective), YELLOW), (objective, GREEN)),
            ),
            Column("Dropped", net("dropped"), steps=red),
            Column("Failed", net("failed"), steps=red),
            Column("Timed out", net("timed_out"), steps=red),
            Column("Cancelled", net("cancelled")),
            Column("Unknown", net("unknown")),
            Column("In flight", net("in_flight")),
            Column("Dead letters", f"{by} ({of_task('afterword_dead_letters')})"),
        ],
        link=(
            "This task",
            f"{TASK_BOARD}&var-service=${{__data.fields.Service}}&var-task=${{__data.fields.Task}}",
        ),
    )

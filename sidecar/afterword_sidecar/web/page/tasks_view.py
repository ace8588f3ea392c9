"""Every task by its name: how often, how long, how close to its deadline, how often lost. Pure."""

from typing import Final

import htpy as h

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_summaries import lost_lately, lost_of
from afterword_sidecar.web.page import charts, client_text, layout, words

SORTS: Final = {
    "attention": "needs attention",
    "rate": "most often",
    "lost": "most lost",
    "in_flight": "in flight",
    "duration": "longest",
    "budget": "closest to its deadline",
    "name": "name",
}
_LEAST_RATE: Final = 0.1
_ESTIMATED: Final = (
    "Estimated from a histogram's buckets, as Prometheus does: the true value lies in the same "
    "bucket, which may reach from half to twice of this"
)


def tasks_page(page: shapes.TaskSummaryPage, filters: dict[str, str]) -> str:
    """The view as HTML."""
    sort = filters.get("sort", "attention")
    conditions = {name: text for name, text in filters.items() if name != "cursor"}
    if page.items:
        content: h.Node = _table(page)
    elif "service" in conditions or "task" in conditions:
        content = layout.empty("No task has these labels.", h.a(href="/tasks")["Show all tasks"])
    else:
        content = layout.empty(
            words.NOTHING_TOLD,
            "Each appears with the first of its name that is handed over, and stays.",
        )
    return layout.document(
        "Tasks",
        "/tasks",
        page.at,
        h.div(".title")[
            h.h1["Tasks"],
            h.p(".lead")[
                h.strong[words.plural(page.total, "task")],
                (
                    " by name. Rates are of the last hour, since this sidecar started at most; all "
                    "else is since the book began. Quantiles (≈) are estimated from histograms."
                ),
            ],
        ],
        layout.section("tasks", "By name", content, aside=_sorts(sort, conditions)),
        page.next_cursor
        and h.p(".more")[
            h.a(href=words.link("/tasks", **conditions, cursor=page.next_cursor))["Next page"]
        ],
    )


def _sorts(sort: str, conditions: dict[str, str]) -> h.Element:
    rest = {name: text for name, text in conditions.items() if name != "sort"}
    return h.nav(".choice", aria_label="Order")[
        [
            h.a(
                href=words.link("/tasks", **rest, sort="" if name == "attention" else name),
                aria_current="true" if name == sort else None,
            )[told]
            for name, told in SORTS.items()
        ]
    ]


def _table(page: shapes.TaskSummaryPage) -> h.Element:
    headings = [
        ("", "task"),
        ("spark-cell", "last hour"),
        ("number", "per minute"),
        ("number", "in flight"),
        ("number", "completed"),
        ("wide", "outcomes"),
        ("number", "lost"),
        ("number", "took p50"),
        ("number", "took p95"),
        ("number", "took p99"),
        ("number", "began after p95"),
        ("number", "budget used p95"),
    ]
    return layout.table("Tasks by name", headings, [_row(each) for each in page.items], "by-name")


def _row(each: shapes.TaskSummary) -> list[h.Node]:
    balance = each.balance
    scheduled = sum(minute[0] for minute in each.minutes)
    lost = lost_of(balance)
    parts = {name: getattr(balance, name) for name in charts.ALL}
    told = f"last hour: {scheduled} handed over, {lost_lately(each)} lost"
    outcomes = f"Outcomes of {client_text.plain(each.task)}"
    return [
        [
            h.span(".name")[client_text.name(each.task)],
            h.span(".sub")[client_text.told(each.service)],
        ],
        charts.spark(each.minutes, told) if each.minutes else h.span(".note")["quiet"],
        _rate(scheduled, len(each.minutes)),
        h.a(href=words.link("/in-flight", task=each.task, service=each.service))[
            words.count(balance.in_flight)
        ]
        if balance.in_flight
        else "0",
        words.share(balance.completed, balance.completed + lost),
        charts.proportions(parts, outcomes),
        _lost(each, lost),
        *_quantiles(each.duration_seconds),
        _seconds(each.start_delay_seconds.p95, each.start_delay_seconds)
        if each.start_delay_seconds
        else words.NOTHING,
        _budget(each.budget_used_ratio),
    ]


def _lost(each: shapes.TaskSummary, lost: int) -> h.Node:
    itself = each.balance.cancelled_by_application
    href = words.link("/losses", task=each.task, service=each.service)
    return [
        h.a(href=href)[words.count(lost)] if lost else "0",
        itself > 0
        and h.span(".sub", title="By the application itself: no loss")[
            f"+ {words.count(itself)} cancelled"
        ],
    ]


def _rate(scheduled: int, minutes: int) -> str:
    if not minutes:
        return words.NOTHING
    rate = scheduled / minutes
    if 0 < rate < _LEAST_RATE:
        return f"< {_LEAST_RATE}"
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004 - two digits


def _quantiles(found: shapes.Distribution | None) -> list[h.Node]:
    if found is None:
        return [words.NOTHING] * 3
    return [_seconds(value, found) for value in (found.p50, found.p95, found.p99)]


def _seconds(value: float, found: shapes.Distribution) -> h.Node:
    return _estimated(words.duration(value), beyond=value >= found.highest_bound)


def _budget(found: shapes.Distribution | None) -> h.Node:
    if found is None:
        return h.span(".note")["no deadline"]
    told = _estimated(f"{100 * found.p95:.0f} %", beyond=found.p95 >= found.highest_bound)
    return h.span(".late")[told] if found.p95 >= charts.NEAR else told


def _estimated(told: str, *, beyond: bool) -> h.Element:
    if beyond:
        return h.span(title="So much or more: beyond the last bucket of the histogram")[f"≥ {told}"]
    return h.span(title=_ESTIMATED)[f"≈ {told}"]

"""Every task by its name: how often, how long, how close to its deadline, how often lost. Pure."""

from typing import Final

import htpy as h

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_summaries import lost_lately
from afterword_sidecar.web.page import charts, layout, words

SORTS: Final = {
    "attention": "needs attention",
    "rate": "most often",
    "lost": "most lost",
    "in_flight": "in flight",
    "duration": "longest",
    "budget": "closest to its deadline",
    "name": "name",
}
_NEAR: Final = 0.8


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
            "No task has been heard of yet.",
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
                    " by name. Rates are of the last hour, since this sidecar started at most; "
                    "all else is since the book began."
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
        ("", "last hour"),
        ("number", "per minute"),
        ("number", "in flight"),
        ("number", "completed"),
        ("wide", "outcomes"),
        ("number", "lost"),
        ("number", "took p50"),
        ("number", "p95"),
        ("number", "p99"),
        ("number", "began after p95"),
        ("number", "budget used p95"),
    ]
    return layout.table("Tasks by name", headings, [_row(each) for each in page.items])


def _row(each: shapes.TaskSummary) -> h.Element:
    balance = each.balance
    scheduled = sum(minute[0] for minute in each.minutes)
    closed = balance.scheduled - balance.in_flight
    lost = closed - balance.completed
    parts = {name: getattr(balance, name) for name in ("completed", *charts.LOSSES, "in_flight")}
    told = f"last hour: {scheduled} handed over, {lost_lately(each)} did not complete"
    return h.tr[
        h.td[h.span(".name")[each.task], h.span(".sub")[each.service]],
        h.td[charts.spark(each.minutes, told) if each.minutes else h.span(".note")["quiet"]],
        h.td(".number")[_rate(scheduled, len(each.minutes))],
        h.td(".number")[
            h.a(href=words.link("/in-flight", task=each.task, service=each.service))[
                words.count(balance.in_flight)
            ]
            if balance.in_flight
            else "0"
        ],
        h.td(".number")[words.share(balance.completed, closed)],
        h.td(".wide")[charts.proportions(parts, f"Outcomes of {each.task}")],
        h.td(".number")[
            h.a(href=words.link("/losses", task=each.task, service=each.service))[words.count(lost)]
            if lost
            else "0"
        ],
        _quantiles(each.duration_seconds),
        _quantile(each.start_delay_seconds),
        _budget(each.budget_used_ratio),
    ]


def _rate(scheduled: int, minutes: int) -> str:
    if not minutes:
        return words.NOTHING
    rate = scheduled / minutes
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004 - two digits


def _quantiles(found: shapes.Distribution | None) -> list[h.Element]:
    values = (found.p50, found.p95, found.p99) if found else (None, None, None)
    return [h.td(".number")[_seconds(value, found)] for value in values]


def _quantile(found: shapes.Distribution | None) -> h.Element:
    return h.td(".number")[_seconds(found.p95 if found else None, found)]


def _seconds(value: float | None, found: shapes.Distribution | None) -> str:
    if value is None or found is None:
        return words.NOTHING
    return ("≥ " if value >= found.highest_bound else "") + words.duration(value)


def _budget(found: shapes.Distribution | None) -> h.Element:
    if found is None:
        return h.td(".number")[h.span(".note")["no deadline"]]
    told = f"{100 * found.p95:.0f} %"
    return h.td(".number")[h.span(".late")[told] if found.p95 >= _NEAR else told]

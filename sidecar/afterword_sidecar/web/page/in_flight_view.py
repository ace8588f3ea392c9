"""What is in flight: each task with how much of its time it has used. Pure."""

from collections.abc import Sequence

import htpy as h

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import charts, layout, words


def in_flight_page(page: shapes.TaskPage, filters: dict[str, str], in_flight: int, at: str) -> str:
    """All of it, a page at a time; ``filters`` are the parameters that chose."""
    conditions = {name: text for name, text in filters.items() if name != "cursor"}
    if page.items:
        content: h.Node = in_flight_table(page.items, at)
    elif page.next_cursor:
        content = layout.empty("None on this page.", "Among so many, look on: the next page.")
    elif conditions:
        content = layout.empty(
            f"No task in flight meets this filter; {words.count(in_flight)} are in flight in all.",
            h.a(href="/in-flight")["Show all of them"],
        )
    else:
        content = layout.empty(
            "Nothing is in flight.", "Every task that was handed over has its verdict."
        )
    following = words.link("/in-flight", **conditions, cursor=page.next_cursor)
    return layout.document(
        "In flight",
        "/in-flight",
        at,
        h.div(".title")[
            h.h1["In flight"],
            h.p(".lead")[
                "Handed over and not heard to have ended, ",
                h.strong[words.count(in_flight)],
                " in all. Oldest first; where there are very many, process by process.",
            ],
            _conditions(conditions),
        ],
        layout.section("tasks", "Tasks", content),
        page.next_cursor and h.p(".more")[h.a(href=following)["Next page"]],
    )


def _conditions(conditions: dict[str, str]) -> h.Node:
    if not conditions:
        return None
    return h.ul(".chips", aria_label="Filter")[
        [
            h.li[
                h.a(
                    href=words.link(
                        "/in-flight", **{n: t for n, t in conditions.items() if n != name}
                    ),
                    aria_label=f"Without {name} {text}",
                )[f"{name}: {text}", h.span(aria_hidden="true")[" \N{MULTIPLICATION SIGN}"]]
            ]
            for name, text in conditions.items()
        ]
    ]


def in_flight_table(tasks: Sequence[shapes.Task], now: str) -> h.Element:
    """A row a task."""
    headings = [("", "task"), ("number", "age"), ("wide", "until its deadline"), ("", "state")]
    rows = [
        h.tr[
            h.td[
                h.a(".name", href=f"/tasks/{task.id}")[task.task],
                h.span(".sub")[task.service, task.route and f" · {task.route}"],
            ],
            h.td(".number")[words.duration(words.seconds_between(task.scheduled_at, now))],
            h.td(".wide")[_deadline(task, now)],
            h.td[_state(task)],
        ]
        for task in tasks
    ]
    return layout.table("Tasks in flight", headings, rows)


def _deadline(task: shapes.Task, now: str) -> h.Node:
    if task.deadline is None:
        return h.span(".note")["no deadline known"]
    allowed = words.seconds_between(task.scheduled_at, task.deadline)
    left = words.seconds_between(now, task.deadline)
    used = 1 - left / allowed if allowed > 0 else 1.0
    told = (
        f"{words.duration(left)} left of {words.duration(allowed)}"
        if left > 0
        else f"{words.duration(-left)} over {words.duration(max(0.0, allowed))}"
    )
    return [charts.deadline_bar(used, left), h.span(".sub")[told]]


def _state(task: shapes.Task) -> h.Node:
    if task.pending:
        told = f"about to be cut off: {task.pending.reason}"
        return [
            h.span(".late")[told],
            task.awaiting and h.span(".sub")[h.code[task.awaiting]],
        ]
    return "running" if task.started_at else h.span(".note")["not begun"]

"""What is in flight: each task with how much of its time it has used. Pure."""

from collections.abc import Sequence

import htpy as h

from afterword import names
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import charts, client_text, layout, task_clocks, words


def in_flight_page(
    page: shapes.TaskPage, filters: dict[str, str], in_flight: int, at: str, *, empty: bool
) -> str:
    """All of it, a page at a time; ``filters`` are the parameters that chose.

    ``empty``: nothing was ever handed over, as far as the book knows.
    """
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
        content = nothing_in_flight(empty=empty)
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


def nothing_in_flight(*, empty: bool) -> h.Element:
    """In the place of the tasks."""
    if empty:
        return layout.empty("Nothing is in flight.", words.NOTHING_TOLD)
    return layout.empty("Nothing is in flight.", "Every task that was handed over has its verdict.")


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
                    aria_label=f"Without {name} {client_text.plain(text)}",
                )[
                    f"{name}: ",
                    client_text.told(text),
                    h.span(aria_hidden="true")[" \N{MULTIPLICATION SIGN}"],
                ]
            ]
            for name, text in conditions.items()
        ]
    ]


def in_flight_table(tasks: Sequence[shapes.Task], now: str) -> h.Element:
    """A row a task."""
    headings = [
        ("", "task"),
        ("number", "age"),
        ("wide", "until its deadline"),
        ("state-cell", "state"),
    ]
    rows = [
        (
            [
                h.a(".name", href=f"/tasks/{task.id}")[client_text.name(task.task)],
                h.span(".sub")[
                    client_text.told(task.service),
                    task.route and [" · ", client_text.told(task.route)],
                ],
            ],
            words.duration(task_clocks.age_seconds(task, now)),
            _deadline(task, now),
            _state(task, now),
        )
        for task in tasks
    ]
    return layout.table("Tasks in flight", headings, rows, kind="running")


def _deadline(task: shapes.Task, now: str) -> h.Node:
    left, allowed = task_clocks.left_seconds(task, now), _allowed(task)
    if left is None:
        return h.span(".note")["no deadline known"]
    told = (
        f"{words.duration(left)} left of {words.duration(allowed)}"
        if left > 0
        else f"{words.duration(-left)} over {words.duration(allowed)}"
    )
    return [charts.deadline_bar(_used(task, now), left), h.span(".sub")[told]]


def _allowed(task: shapes.Task) -> float:
    if task.deadline is None:
        return 0.0
    return max(0.0, words.seconds_between(task.scheduled_at, task.deadline))


def _used(task: shapes.Task, now: str) -> float:
    allowed = _allowed(task)
    return task_clocks.age_seconds(task, now) / allowed if allowed > 0 else 1.0


def _state(task: shapes.Task, now: str) -> h.Node:
    if not task.pending:
        return "running" if task.started_at else h.span(".note")["not begun"]
    told = words.PENDING_IN_WORDS.get(task.pending.reason, task.pending.reason)
    # A guard may look long before: that is no alarm as long as there is time.
    at_hand = task.pending.reason != names.PENDING_DEADLINE_NEAR or _used(task, now) >= charts.NEAR
    return [
        h.span(".late" if at_hand else ".soon")[told],
        task.awaiting and h.span(".sub")[h.code[client_text.told(task.awaiting)]],
    ]

"""Per task: rates, durations, budget used. From a view and the last hour's minutes. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec

from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.view import View
from afterword_sidecar.service.history import TASK_COLUMNS, Slot
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_book import balances
from afterword_sidecar.web.api_parameters import ParameterError
from afterword_sidecar.web.api_views import moment
from afterword_sidecar.web.distributions import distribution

_LONGEST_CURSOR: Final = 9

LastHour = Mapping[tuple[str, str], list[Slot]]
"""The minutes of each task, by its labels."""


class SummaryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks, in which order."""

    service: str = ""
    task: str = ""
    sort: str = "attention"
    limit: int = 100
    cursor: str = ""


def page(
    view: View, last_hour: LastHour, wanted: SummaryFilter, at: float
) -> shapes.TaskSummaryPage:
    """Raises ``ParameterError`` for a foreign cursor. Slow with many series: for a thread."""
    if (not wanted.cursor.isdecimal() and wanted.cursor) or len(wanted.cursor) > _LONGEST_CURSOR:
        raise ParameterError("cursor", "it is not a cursor of this list")
    begin = int(wanted.cursor or 0)
    letters = Counter[tuple[str, str]]()
    for (service, task, _), count in view.dead_letters_open.items():
        letters[service, task] += count
    items = [
        _summary(view, labels, balance, letters[labels], last_hour[labels])
        for labels, balance in balances(view).items()
        if wanted.service in ("", labels[0]) and wanted.task in ("", labels[1])
    ]
    items.sort(key=attrgetter("service", "task"))
    items.sort(key=_ORDERS[wanted.sort], reverse=True)  # stable: names decide between equals
    shown = items[begin : begin + wanted.limit]
    more = begin + wanted.limit < len(items)
    cursor = str(begin + wanted.limit) if more else None
    return shapes.TaskSummaryPage(moment(at), shown, len(items), cursor)


def _summary(
    view: View,
    labels: tuple[str, str],
    balance: shapes.Balance,
    letters: int,
    minutes: list[Slot],
) -> shapes.TaskSummary:
    def observed(metric: str) -> shapes.Distribution | None:
        total = view.totals.get((metric, labels))
        if total is None or not isinstance(total.value, tuple):
            return None
        return distribution(total.value, totals.BOUNDS[metric])

    oldest = view.oldest_in_flight.get(labels)
    scheduled, completed, lost = TASK_COLUMNS
    return shapes.TaskSummary(
        service=labels[0],
        task=labels[1],
        balance=balance,
        oldest_in_flight_at=None if oldest is None else moment(oldest),
        dead_letters_open=letters,
        duration_seconds=observed(totals.DURATION),
        start_delay_seconds=observed(totals.START_DELAY),
        budget_used_ratio=observed(totals.BUDGET_USED),
        minutes=[(m.counts[scheduled], m.counts[completed], m.counts[lost]) for m in minutes],
    )


def lost_lately(summary: shapes.TaskSummary) -> int:
    """How many were lost within the last hour."""
    return sum(lost for _, _, lost in summary.minutes)


def lost_of(balance: shapes.Balance) -> int:
    """Settled and not completed, and not cancelled by the application itself."""
    settled = balance.scheduled - balance.in_flight
    return settled - balance.completed - balance.cancelled_by_application


def _p95(found: shapes.Distribution | None) -> float:
    return found.p95 if found else -1.0


_ORDERS: Final[Mapping[str, Callable[[shapes.TaskSummary], Any]]] = {
    "attention": lambda each: (
        lost_lately(each),
        # Letters of what the application cancelled itself are open too, and need no attention.
        min(each.dead_letters_open, lost_of(each.balance)),
        each.balance.in_flight,
    ),
    "name": lambda _: 0,
    "rate": lambda each: sum(scheduled for scheduled, _, _ in each.minutes),
    "lost": lambda each: lost_of(each.balance),
    "in_flight": lambda each: each.balance.in_flight,
    "duration": lambda each: _p95(each.duration_seconds),
    "budget": lambda each: _p95(each.budget_used_ratio),
}
ORDERS: Final = tuple(_ORDERS)

"""The book at a glance, and its tasks one by one: from a view and the last minutes. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from afterword import names
from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.view import View
from afterword_sidecar.service.history import CANCELLED_ITSELF, COLUMNS, SLOT_SECONDS, Slot
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_views import moment

REACHES: Final = {
    "10m": (600, 10),
    "1h": (3_600, 60),
    "6h": (21_600, 300),
    "24h": (86_400, 1_200),
}
"""By range: how many seconds in all, and seconds a slot."""

Labels = tuple[str, ...]


def book(
    view: View,
    recent: Sequence[Slot],
    slot_seconds: int,
    *,
    at: float,
    whole_since: float,
    book_id: str,
) -> shapes.Book:
    """The whole of it. ``at``, ``whole_since``: Unix seconds. Slow with many series."""
    ledger = _counted(view)
    return shapes.Book(
        at=moment(at),
        book_id=book_id,
        began_at=moment(min(view.series_created.values())) if view.series_created else None,
        balance=_balance(ledger.values()),
        amended=int(_sum_of(view, totals.AMENDED)),
        dead_letters_open=sum(view.dead_letters_open.values()),
        evidence_holes=sum(view.holes.values()),
        evidence_lost=int(_sum_of(view, totals.EVIDENCE_LOST)),
        streams_live=view.streams_live,
        streams_ended=view.streams_ended,
        slot_seconds=slot_seconds,
        slots=_slots(recent, slot_seconds),
        whole_since=moment(whole_since),
    )


def balances(view: View) -> dict[tuple[str, str], shapes.Balance]:
    """The balance of each task, by (service, task) as labels."""
    by_task: dict[tuple[str, str], list[Counter[str]]] = defaultdict(list)
    for labels, counted in _counted(view).items():
        service, task = labels[:2]
        by_task[service, task].append(counted)
    return {labels: _balance(counted) for labels, counted in by_task.items()}


def _counted(view: View) -> dict[Labels, Counter[str]]:
    """Net counts of each series: what was scheduled, what is in flight, and each outcome."""
    ledger: dict[Labels, Counter[str]] = {labels: Counter() for labels in view.series_created}
    for series, in_flight in view.in_flight.items():
        ledger.setdefault(series, Counter())["in_flight"] = in_flight
    for (metric, labels), total in view.totals.items():
        if isinstance(total.value, tuple) or metric not in _EFFECTS:
            continue
        column, sign = _EFFECTS[metric]
        name = labels[column] if column else "scheduled"
        counted = ledger.setdefault(labels[:4], Counter())
        counted[name] += sign * int(total.value)
        if labels[4:6] == CANCELLED_ITSELF:
            counted["cancelled_by_application"] += sign * int(total.value)
    return ledger


_EFFECTS: Final[dict[str, tuple[int, int]]] = {
    totals.SCHEDULED: (0, 1),
    totals.SETTLED: (4, 1),
    totals.AMENDED: (4, -1),
}
"""By metric: which label names the outcome (0: none does), and whether it adds or takes away."""


def _balance(series: Iterable[Counter[str]]) -> shapes.Balance:
    sums: Counter[str] = Counter()
    balanced = True
    for counted in series:
        outcomes = sum(counted[outcome] for outcome in names.OUTCOMES)
        balanced &= counted["scheduled"] == outcomes + counted["in_flight"]
        sums.update(counted)
    fields = ("scheduled", *names.OUTCOMES, "in_flight", "cancelled_by_application")
    return shapes.Balance(**{name: sums[name] for name in fields}, balanced=balanced)


def _sum_of(view: View, metric: str) -> float:
    return sum(
        total.value
        for (name, _), total in view.totals.items()
        if name == metric and not isinstance(total.value, tuple)
    )


def _slots(recent: Sequence[Slot], slot_seconds: int) -> list[shapes.Slot]:
    """At round times; the oldest, of which only a part may be there, is left out."""
    groups: dict[int, list[Slot]] = defaultdict(list)
    for part in recent:
        groups[int(part.at // slot_seconds)].append(part)
    whole = len(recent) * SLOT_SECONDS // slot_seconds - 1
    return [_slot(number * slot_seconds, parts) for number, parts in list(groups.items())[-whole:]]


def _slot(at: float, parts: Sequence[Slot]) -> shapes.Slot:
    counts: Mapping[str, Any] = {name: sum(part.counts[name] for part in parts) for name in COLUMNS}
    return shapes.Slot(at=moment(at), **counts)

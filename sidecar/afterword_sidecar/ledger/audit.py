"""Can the book be trusted, and what is missing where it cannot? Sequences and totals, reconciled.

A stream numbers its records, so what is missing shows as a hole; it says now and then how much it
has scheduled and settled, so what was counted can be compared. A book is trusted for a service when
no record of its streams is missing, none of its totals says more than has arrived, none of its
evidence was turned away, and every series balances. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.records import Total
from afterword_sidecar.ledger.streams import Stream
from afterword_sidecar.ledger.view import SeriesLabels, View

RANGES_SHOWN: Final = 20
FAULTS_SHOWN: Final = 100
"""Streams at fault that are shown of one service; the others are counted."""
_ON_ITS_WAY_SECONDS: Final = 35.0
"""The longest pause of our clients: totals that are told ahead of what they count are no fault."""

LIVE: Final = "live"
ENDED: Final = "ended"
GONE: Final = "gone"


class StreamFault(msgspec.Struct, frozen=True):
    """A stream of which something is missing, and what."""

    stream: bytes
    service: str
    instance: str
    state: str
    """``live``, ``ended`` (its process is dead for certain) or ``gone`` (its spool is)."""
    since: float
    """The sidecar's clock when the oldest hole appeared; 0 where there is none."""
    last_heard_at: float
    highest: int
    """The greatest sequence number it is known to have given."""
    ranges: tuple[tuple[int, int], ...]
    """The first of the inclusive ranges of numbers that are missing."""
    range_count: int
    """How many such ranges there are."""
    missing: int
    """How many numbers are missing, those given up included."""
    given_up: int
    """How many of them are counted as lost for good."""
    scheduled_reported: int
    scheduled_arrived: int
    settled_reported: int
    settled_arrived: int
    closings_lost: int
    """Closings that its spool had no room for."""
    open_tasks: int


class SeriesImbalance(msgspec.Struct, frozen=True):
    """A series that does not add up. There is none unless the ledger has a bug."""

    labels: SeriesLabels
    difference: float
    """Scheduled - settled + amended - in flight."""


class ServiceAudit(msgspec.Struct, frozen=True):
    """What holds of one service."""

    service: str
    since: float
    """The sidecar's clock when its first series was born; 0 if it has none."""
    streams_live: int
    streams_ended: int
    scheduled: float
    settled: float
    """Pronouncements, net of amendments."""
    in_flight: int
    imbalances: list[SeriesImbalance]
    missing: int
    """Numbers missing right now and not given up."""
    lost: float
    """Numbers given up so far, those included that came after all."""
    recovered: float
    """Numbers that came after they had been missing."""
    rejected: dict[str, float]
    """Evidence turned away so far, by reason."""
    faults: list[StreamFault]
    faults_left_off: int

    @property
    def trusted(self) -> bool:
        """Whether the book says exactly what happened to this service's tasks."""
        return not (self.faults or self.imbalances or any(self.rejected.values()))


class Audit(msgspec.Struct, frozen=True):
    """What holds of the book at one moment."""

    at: float
    services: list[ServiceAudit]

    @property
    def trusted(self) -> bool:
        """Whether the book can be trusted for every service."""
        return all(each.trusted for each in self.services)


def audit(streams: Iterable[tuple[str, Stream]], view: View, now: float) -> Audit:
    """Audit a book: its streams, each with the label of its service, and its committed numbers."""
    found: dict[str, list[StreamFault]] = {}
    live: dict[str, int] = {}
    ended: dict[str, int] = {}
    for service, stream in streams:
        counted = ended if stream.state.lock_fell_at else live
        counted[service] = counted.get(service, 0) + 1
        fault = _fault(stream, now)
        if fault is not None:
            found.setdefault(service, []).append(fault)
    labels = {each[0] for each in view.series_created} | live.keys() | ended.keys()
    rejected = _by_service(view, totals.EVIDENCE_REJECTED)
    services = [
        _service(service, view, found.get(service, []), live, ended)
        for service in sorted(labels | rejected.keys())
    ]
    return Audit(now, services)


def _fault(stream: Stream, now: float) -> StreamFault | None:
    state, holes = stream.state, stream.seen.holes
    if stream.foreign:
        return None
    behind = (
        state.settled_reported > stream.settled_arrived
        or state.scheduled_reported > stream.scheduled_arrived
    )
    on_its_way = now - state.last_heard_at < _ON_ITS_WAY_SECONDS and not state.lock_fell_at
    if not (holes or state.closings_lost or state.spool_gone_at or (behind and not on_its_way)):
        return None
    missing = stream.seen.missing()
    return StreamFault(
        stream=stream.source.stream,
        service=stream.source.service,
        instance=stream.source.instance,
        state=GONE if state.spool_gone_at else ENDED if state.lock_fell_at else LIVE,
        since=state.incomplete_since,
        last_heard_at=state.last_heard_at,
        highest=stream.seen.highest,
        ranges=tuple(holes[:RANGES_SHOWN]),
        range_count=len(holes),
        missing=missing,
        given_up=missing - stream.missing(),
        scheduled_reported=state.scheduled_reported,
        scheduled_arrived=stream.scheduled_arrived,
        settled_reported=state.settled_reported,
        settled_arrived=stream.settled_arrived,
        closings_lost=state.closings_lost,
        open_tasks=len(stream.open) + len(stream.fresh),
    )


def _service(
    service: str,
    view: View,
    faults: list[StreamFault],
    live: dict[str, int],
    ended: dict[str, int],
) -> ServiceAudit:
    scheduled = _sum(view, totals.SCHEDULED, service)
    amended = _sum(view, totals.AMENDED, service)
    worst = sorted(faults, key=lambda each: -each.missing)[:FAULTS_SHOWN]
    born = [at for labels, at in view.series_created.items() if labels[0] == service]
    return ServiceAudit(
        service=service,
        since=min(born, default=0.0),
        streams_live=live.get(service, 0),
        streams_ended=ended.get(service, 0),
        scheduled=scheduled,
        settled=_sum(view, totals.SETTLED, service) - amended,
        in_flight=sum(n for labels, n in view.in_flight.items() if labels[0] == service),
        imbalances=_imbalances(view, service),
        missing=view.holes.get(service, 0),
        lost=_sum(view, totals.EVIDENCE_LOST, service),
        recovered=_sum(view, totals.EVIDENCE_RECOVERED, service),
        rejected=_by_service(view, totals.EVIDENCE_REJECTED).get(service, {}),
        faults=worst,
        faults_left_off=len(faults) - len(worst),
    )


def _imbalances(view: View, service: str) -> list[SeriesImbalance]:
    left = {k: -float(n) for k, n in view.in_flight.items() if k[0] == service}
    signs = {totals.SCHEDULED: 1, totals.SETTLED: -1, totals.AMENDED: 1}
    for (metric, labels), total in view.totals.items():
        if metric in signs and labels[0] == service:
            series = _series_of(labels)
            left[series] = left.get(series, 0.0) + signs[metric] * _value(total)
    return [
        SeriesImbalance(labels, difference) for labels, difference in left.items() if difference
    ]


def _by_service(view: View, metric: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (name, labels), total in view.totals.items():
        if name == metric:
            found.setdefault(labels[0], {})[labels[1]] = _value(total)
    return found


def _sum(view: View, metric: str, service: str) -> float:
    return sum(
        _value(total)
        for (name, labels), total in view.totals.items()
        if name == metric and labels[0] == service
    )


def _value(total: Total) -> float:
    return total.value if isinstance(total.value, int | float) else 0.0


def _series_of(labels: Sequence[str]) -> SeriesLabels:
    return (labels[0], labels[1], labels[2], labels[3])

"""Can the book be trusted, and what is missing where it cannot? Sequences and totals, reconciled.

A stream numbers its records, so what is missing shows as a hole; it says now and then how much it
has scheduled and settled, so what was counted can be compared. A book is trusted for a service when
no record of its streams is missing, none of its totals says more than has arrived, none of its
evidence was turned away, and every series balances. Pure.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from heapq import heappush, heappushpop
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

_SIGNS: Final = {totals.SCHEDULED: 1, totals.SETTLED: -1, totals.AMENDED: 1}

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
    untold: bool
    """Not one record of it has come: only its lock file tells of it."""
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
    streams_silent: int
    """Those of the live that nothing vouches for: no lock, no goodbye, no sign of life lately."""
    silent_since: float
    """The sidecar's clock when the first of these was last heard of; 0 if there is none."""
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
        """Whether all that this service's streams are known to have said is in the book.

        What a silent one may have had to say, and to whom, is known to nobody.
        """
        return not (self.faults or self.imbalances or any(self.rejected.values()))


class Audit(msgspec.Struct, frozen=True):
    """What holds of the book at one moment."""

    at: float
    services: list[ServiceAudit]

    @property
    def trusted(self) -> bool:
        """Whether the book can be trusted for every service."""
        return all(each.trusted for each in self.services)


class Auditing:
    """An audit under way: it looks at streams, some at a time where there are very many."""

    def __init__(self, now: float) -> None:
        """``now``: the sidecar's clock, Unix seconds."""
        self._now = now
        self._live: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._silent: Counter[str] = Counter()
        self._silent_since: dict[str, float] = {}
        self._at_fault: Counter[str] = Counter()
        self._worst: dict[str, list[tuple[int, int, StreamFault]]] = {}
        """By service, a heap of (missing, -number, fault): of thousands, those that are shown."""

    def look_at(self, streams: Iterable[tuple[str, Stream]]) -> None:
        """Take these streams into account, each with the label of its service."""
        for service, stream in streams:
            (self._ended if stream.state.lock_fell_at else self._live)[service] += 1
            if _silent(stream, self._now):
                last_heard_at = stream.state.last_heard_at
                self._silent[service] += 1
                since = self._silent_since.get(service, last_heard_at)
                self._silent_since[service] = min(since, last_heard_at)
            fault = _fault(stream, self._now)
            if fault is not None:
                self._keep(service, fault)

    def found(self, view: View) -> Audit:
        """What it has found, with the committed numbers of the book."""
        numbers = _numbers_by_service(view)
        named = {series[0] for series in view.series_created} | self._live.keys()
        named |= self._ended.keys() | {each for each, of in numbers.items() if of.rejected}
        services = [self._service(each, numbers.get(each, _Numbers())) for each in sorted(named)]
        return Audit(self._now, services)

    def _keep(self, service: str, fault: StreamFault) -> None:
        self._at_fault[service] += 1
        worst = self._worst.setdefault(service, [])
        entry = (fault.missing, -self._at_fault[service], fault)
        if len(worst) < FAULTS_SHOWN:
            heappush(worst, entry)
        else:
            heappushpop(worst, entry)

    def _service(self, service: str, numbers: "_Numbers") -> ServiceAudit:
        worst = sorted(self._worst.get(service, ()), reverse=True)
        return ServiceAudit(
            service=service,
            since=numbers.since,
            streams_live=self._live[service],
            streams_ended=self._ended[service],
            streams_silent=self._silent[service],
            silent_since=self._silent_since.get(service, 0.0),
            scheduled=numbers.sums.get(totals.SCHEDULED, 0.0),
            settled=numbers.sums.get(totals.SETTLED, 0.0) - numbers.sums.get(totals.AMENDED, 0.0),
            in_flight=numbers.in_flight,
            imbalances=[
                SeriesImbalance(labels, difference)
                for labels, difference in numbers.differences.items()
                if difference
            ],
            missing=numbers.missing,
            lost=numbers.sums.get(totals.EVIDENCE_LOST, 0.0),
            recovered=numbers.sums.get(totals.EVIDENCE_RECOVERED, 0.0),
            rejected=numbers.rejected,
            faults=[fault for *_, fault in worst],
            faults_left_off=self._at_fault[service] - len(worst),
        )


def _silent(stream: Stream, now: float) -> bool:
    """Whether it may be idle, frozen or gone, and nobody can say which.

    A process with nothing open owes no beat, one that a platform freezes says no goodbye.
    """
    state = stream.state
    if stream.foreign or state.lock_fell_at or state.spool_gone_at or state.down_at:
        return False
    trusted_until = state.last_heard_at + max(state.lease_seconds, _ON_ITS_WAY_SECONDS)
    return not state.same_clock and now >= trusted_until


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
        settled_reported=max(
            state.settled_reported, stream.settled_arrived + stream.closings_missing
        ),
        settled_arrived=stream.settled_arrived,
        closings_lost=state.closings_lost,
        untold=stream.untold,
        open_tasks=len(stream.open) + len(stream.fresh),
    )


class _Numbers:
    """What a view says of one service."""

    def __init__(self) -> None:
        self.since = 0.0
        self.in_flight = 0
        self.missing = 0
        self.sums: dict[str, float] = {}
        self.rejected: dict[str, float] = {}
        self.differences: dict[SeriesLabels, float] = {}
        """By series: scheduled - settled + amended - in flight."""


def _numbers_by_service(view: View) -> dict[str, _Numbers]:
    """In one pass: there may be hundreds of services and many thousands of numbers."""
    found: defaultdict[str, _Numbers] = defaultdict(_Numbers)
    for series, born in view.series_created.items():
        of = found[series[0]]
        of.since = min(of.since or born, born)
    for series, count in view.in_flight.items():
        of = found[series[0]]
        of.in_flight += count
        of.differences[series] = -float(count)
    for service, missing in view.holes.items():
        found[service].missing = missing
    for (metric, labels), total in view.totals.items():
        _add(found[labels[0]], metric, labels, _value(total))
    return dict(found)


def _add(of: _Numbers, metric: str, labels: Sequence[str], value: float) -> None:
    of.sums[metric] = of.sums.get(metric, 0.0) + value
    if metric == totals.EVIDENCE_REJECTED:
        of.rejected[labels[1]] = value
    elif metric in _SIGNS:
        series = _series_of(labels)
        of.differences[series] = of.differences.get(series, 0.0) + _SIGNS[metric] * value


def _value(total: Total) -> float:
    return total.value if isinstance(total.value, int | float) else 0.0


def _series_of(labels: Sequence[str]) -> SeriesLabels:
    return (labels[0], labels[1], labels[2], labels[3])

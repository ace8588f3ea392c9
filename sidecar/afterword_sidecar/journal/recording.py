"""The ledger's values in the journal's words. Pure; what the journal must not keep is left out."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.ledger import facts, totals
from afterword_sidecar.ledger.facts import Fact
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.patience import Patience
from afterword_sidecar.ledger.records import ClockBounds, Missing, SettledTask, Total


def _scheduled(fact: facts.Scheduled) -> shapes.Scheduled:
    return shapes.Scheduled(
        fact.sequence,
        fact.at,
        fact.task,
        platform=fact.platform,
        origin=fact.origin,
        deadline=fact.deadline,
        guard_lead_seconds=fact.guard_lead_seconds,
        invocation=fact.invocation,
        dead_letter=fact.dead_letter,
    )


def _started(fact: facts.Started) -> shapes.Started:
    return shapes.Started(fact.sequence, fact.opening_sequence, fact.at)


def _pending(fact: facts.Pending) -> shapes.Pending:
    return shapes.Pending(fact.sequence, fact.opening_sequence, fact.at, fact.reason)


def _settled(fact: facts.Settled) -> shapes.Settled:
    return shapes.Settled(
        fact.sequence,
        fact.opening_sequence,
        fact.at,
        fact.task,
        fact.outcome,
        fact.reason,
        platform=fact.platform,
        origin=fact.origin,
        scheduled_at=fact.scheduled_at,
        start_delay_seconds=fact.start_delay_seconds if fact.started_sequence else None,
        folded=fact.folded,
        started_sequence=fact.started_sequence,
        deadline=fact.deadline,
        invocation=fact.invocation,
        dead_letter=fact.dead_letter,
    )


def _span(fact: facts.SpanEnded) -> shapes.Span:
    return shapes.Span(
        fact.sequence,
        fact.opening_sequence,
        fact.at,
        fact.task,
        fact.outcome,
        fact.reason,
        fact.started_at,
        platform=fact.platform,
        origin=fact.origin,
    )


def _invocation(fact: facts.InvocationEnded) -> shapes.InvocationEnded:
    return shapes.InvocationEnded(
        fact.sequence, fact.at, fact.invocation, fact.scheduled, fact.started
    )


def _instance(fact: facts.Instance) -> shapes.Instance:
    return shapes.Instance(
        fact.sequence,
        fact.at,
        fact.state,
        fact.scheduled_total,
        fact.settled_total,
        fact.lease_seconds,
    )


def _rollup(fact: facts.Rollup) -> shapes.Rollup:
    return shapes.Rollup(
        fact.sequence,
        fact.at,
        fact.task,
        fact.outcome,
        fact.reason,
        fact.count,
        list(fact.ranges),
        platform=fact.platform,
        origin=fact.origin,
    )


_SHAPE_OF: Final[dict[type, Callable[[Any], shapes.Fact]]] = {
    facts.Scheduled: _scheduled,
    facts.Started: _started,
    facts.Pending: _pending,
    facts.Settled: _settled,
    facts.SpanEnded: _span,
    facts.InvocationEnded: _invocation,
    facts.Instance: _instance,
    facts.Rollup: _rollup,
}


def fact_record(fact: Fact) -> shapes.Fact:
    """A fact, without payload, message and stack."""
    return _SHAPE_OF[type(fact)](fact)


def verdict_record(settled: SettledTask) -> shapes.Verdict:
    """What the book says of a task."""
    opening, verdict, clock = settled.opening, settled.verdict, settled.verdict.clock
    before = settled.history[-1] if settled.history else None
    return shapes.Verdict(
        stream=opening.source.stream.hex(),
        opening=opening.sequence,
        task=opening.task,
        outcome=verdict.outcome,
        reason=verdict.reason,
        basis=verdict.basis,
        rule=verdict.rule,
        at=verdict.at,
        evidence=[(cited.kind, cited.sequence, cited.at) for cited in verdict.evidence],
        clock=None if clock is None else _clock(clock),
        final=verdict.final,
        final_at=verdict.final_at,
        missing=None if verdict.missing is None else _missing(verdict.missing),
        was=f"{before.outcome}/{before.reason}" if before else "",
        replay=bool(opening.notes.replay_of) or opening.series.origin == names.ORIGIN_REPLAY,
    )


def _clock(bounds: ClockBounds) -> shapes.Clock:
    return shapes.Clock(
        offset=bounds.offset_seconds,
        grace=bounds.grace_seconds,
        due=bounds.due,
        alive_at=bounds.alive_at,
        lock_fell_at=bounds.lock_fell_at,
        lease_until=bounds.lease_until,
        hold_until=bounds.hold_until,
    )


def _missing(missing: Missing) -> tuple[int, int, int, int, int]:
    numbers = (missing.first, missing.last, missing.numbers)
    return (*numbers, missing.settled_reported, missing.settled_arrived)


def limits_record(limits: Limits) -> dict[str, float]:
    """Every number the ledger works with."""
    return {name: float(value) for name, value in msgspec.structs.asdict(limits).items()}


def standing_record(
    limits: Limits, patience: Patience, totals: dict[str, float]
) -> shapes.Standing:
    """What holds where a segment begins."""
    return shapes.Standing(
        limits=limits_record(limits),
        patience=(patience.since, patience.for_those_heard, patience.for_the_silent),
        totals=dict(totals),
    )


class Sums:
    """The book's totals as a journal has them: summed over series, kept up from commit to commit.

    Keys are those of ``shapes.Commit.totals``.
    """

    def __init__(self, saved: Iterable[Total]) -> None:
        self.values: dict[str, float] = {}
        self._series: dict[tuple[str, tuple[str, ...]], float] = {}
        self.take(saved)

    def take(self, changed: Iterable[Total]) -> dict[str, float]:
        """New values of series; returns the sums that they changed."""
        touched: set[str] = set()
        for total in changed:
            if total.metric not in _COUNTED or not isinstance(total.value, float):
                continue
            series = (total.metric, total.labels)
            key = "/".join((total.metric, *total.labels[4:]))
            difference = total.value - self._series.get(series, 0.0)
            self._series[series] = total.value
            self.values[key] = self.values.get(key, 0.0) + difference
            touched.add(key)
        return {key: self.values[key] for key in sorted(touched)}


_COUNTED: Final = frozenset({totals.SCHEDULED, totals.SETTLED, totals.AMENDED})

"""Tasks that were pronounced: counted and told, amended by better evidence, final in time."""

from msgspec.structs import replace

from afterword import names
from afterword_sidecar.ledger import entries, totals, verdicts
from afterword_sidecar.ledger.facts import Fact, Pending, Settled, SpanEnded
from afterword_sidecar.ledger.letters import Letters
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Cited, SettledTask, Verdict
from afterword_sidecar.ledger.streams import Stream, by_span
from afterword_sidecar.ledger.timers import Wheel
from afterword_sidecar.ledger.totals import Account, Totals


class Pronounced:
    """Verdicts, from the first on a task to the last."""

    def __init__(
        self, limits: Limits, counted: Totals, letters: Letters, wheel: Wheel[Stream]
    ) -> None:
        self._limits = limits
        self._totals = counted
        self._letters = letters
        self._wheel = wheel
        self.settled: list[SettledTask] = []
        """Every verdict since the last drain, in the order they were made."""

    def pronounce(
        self, account: Account, settled: SettledTask, payload: str | None, now: float
    ) -> None:
        """A verdict on a task that had none: count it, tell it, and keep a letter of a loss."""
        verdict = settled.verdict
        self._totals.settle(account, (verdict.outcome, verdict.reason, verdict.basis), now)
        self.settled.append(settled)
        if verdict.outcome != names.COMPLETED:
            self._letters.bury(settled, payload, now)

    def observe(self, account: Account, settled: SettledTask, now: float) -> None:
        """Its duration, and how much of its time it used, where they are known."""
        if settled.duration_seconds is not None:
            self._totals.observe(totals.DURATION, account, settled.duration_seconds, now)
        used = budget_used(settled)
        if used is not None and not (settled.history and _counted_as_cut_off(settled.history)):
            self._totals.observe(totals.BUDGET_USED, account, used, now)

    def watch_finality(self, stream: Stream, settled: SettledTask, now: float) -> None:
        """Set the timer at which the verdict becomes final."""
        if not settled.verdict.final:
            due = self._final_at(stream, settled)
            self._wheel.add(max(due, now + 0.001), stream, -settled.opening.sequence, now)

    # Actions of the transition table.

    def amend(self, stream: Stream, opening: int, fact: Settled | SpanEnded, now: float) -> None:
        """Better evidence of its end has come."""
        before = stream.amendable[opening]
        after = self._revise(stream, before, entries.closed(before.opening, fact, now), now)
        account = self._totals.account(after.opening.series, now)
        if not by_span(before):  # or its duration was observed when the span came
            self.observe(account, after, now)
        if isinstance(fact, Settled):
            if not before.opening.started_sequence and fact.start_delay_seconds is not None:
                self._totals.observe(totals.START_DELAY, account, fact.start_delay_seconds, now)
            del stream.amendable[opening]

    def rejudge(self, stream: Stream, opening: int, fact: Pending | None, now: float) -> None:
        """Ask the rules again: it was about to be cut off, or what was missing has come."""
        before = stream.amendable[opening]
        task = before.opening if fact is None else entries.pending(before.opening, fact, now)
        verdict = verdicts.infer(task, stream.circumstances(task, 0.0), now, self._limits)
        if verdict is None:  # the process has shown that it lives; its closing may yet come
            verdict = before.verdict
        same = (verdict.outcome, verdict.reason) == (before.verdict.outcome, before.verdict.reason)
        if fact is not None or not same:
            after = replace(before, opening=task, verdict=verdict, awaiting=task.notes.awaiting)
            after = self._revise(stream, before, after, now)
            self.observe(self._totals.account(task.series, now), after, now)

    def confirm(self, stream: Stream, opening: int, _fact: Fact | None, now: float) -> None:
        """Its process is proven dead: an inferred verdict is final, unless that proves nothing."""
        before = stream.amendable[opening]
        seen = stream.circumstances(before.opening, 0.0)
        if before.verdict.basis == names.PROVEN or not verdicts.can_be_proven(
            before.verdict.rule, seen
        ):
            return
        state, clock = stream.state, before.verdict.clock
        proof = Cited(verdicts.STREAM_ENDED, 0, state.lock_fell_at)
        if clock is not None:
            clock = replace(clock, lock_fell_at=state.lock_fell_at, alive_at=stream.alive_at)
        verdict = replace(
            before.verdict,
            basis=names.PROVEN,
            final=True,
            clock=clock,
            evidence=(*before.verdict.evidence, proof),
        )
        self._replace(stream, before, replace(before, verdict=verdict), now)

    def finalise(self, stream: Stream, opening: int, _fact: Fact | None, now: float) -> None:
        """Its time to be amended may be over."""
        before = stream.amendable[opening]
        due = self._final_at(stream, before)
        if now < due:
            self.watch_finality(stream, before, now)
        elif not before.verdict.final:
            verdict = replace(before.verdict, final=True, final_at=now)
            after = replace(before, verdict=verdict)
            self._replace(stream, before, after, now)

    def _revise(
        self, stream: Stream, before: SettledTask, after: SettledTask, now: float
    ) -> SettledTask:
        """A new verdict. Where outcome or reason differ it is an amendment, and counted."""
        old, new = before.verdict, after.verdict
        after = replace(after, history=(*before.history, old))
        if (old.outcome, old.reason) != (new.outcome, new.reason):
            self._totals.amend(
                self._totals.account(after.opening.series, now),
                (old.outcome, old.reason),
                (new.outcome, new.reason, new.basis),
                now,
            )
        self._replace(stream, before, after, now)
        self.watch_finality(stream, after, now)
        return after

    def _replace(self, stream: Stream, before: SettledTask, after: SettledTask, now: float) -> None:
        stream.amendable[after.opening.sequence] = after
        self._letters.revise(before, after, now)
        self.settled.append(after)

    def _final_at(self, stream: Stream, settled: SettledTask) -> float:
        """A process whose lease lapsed, and that beats again, may yet end what it has open."""
        since = settled.verdict.at
        if settled.verdict.evidence[-1].kind == verdicts.LEASE_LAPSED:
            since = max(since, stream.vouched_at(settled.opening.sequence))
        return since + self._limits.finality_seconds


def budget_used(settled: SettledTask) -> float | None:
    """The share of the time until its deadline; None where it had none, or nobody knows its end.

    Of a task that the deadline cut off it is 1: it had all of its time, and no end of its own.
    """
    task = settled.opening
    if task.deadline is None or task.deadline <= task.scheduled_at:
        return None
    if settled.settled_at is not None:
        elapsed = max(0.0, settled.settled_at - task.scheduled_at)
        return elapsed / (task.deadline - task.scheduled_at)
    return 1.0 if settled.verdict.reason == verdicts.PLATFORM_DEADLINE else None


def _counted_as_cut_off(history: tuple[Verdict, ...]) -> bool:
    """A histogram takes nothing back: a task that was in it as cut off is not in it again."""
    return any(earlier.reason == verdicts.PLATFORM_DEADLINE for earlier in history)

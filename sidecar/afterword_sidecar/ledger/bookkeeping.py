"""What each ``Action`` of the transition table does to one task's entry."""

from collections.abc import Callable
from itertools import takewhile
from typing import Any

from msgspec.structs import replace

from afterword_sidecar.ledger import entries, totals, verdicts
from afterword_sidecar.ledger.facts import (
    Fact,
    InvocationEnded,
    Pending,
    Scheduled,
    Settled,
    SpanEnded,
    Started,
)
from afterword_sidecar.ledger.labels import OTHER, Labels
from afterword_sidecar.ledger.letters import Letters, is_letter, without_texts
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.patience import Patience
from afterword_sidecar.ledger.pronounced import Pronounced
from afterword_sidecar.ledger.records import (
    Early,
    OpenTask,
    SettledTask,
    TaskKey,
    Verdict,
)
from afterword_sidecar.ledger.streams import Stream
from afterword_sidecar.ledger.timers import Wheel
from afterword_sidecar.ledger.totals import Account, Totals
from afterword_sidecar.ledger.transitions import ROWS, Action, Kind


class Bookkeeper:
    """Carries out transitions: entries, counters, letters and timers of single tasks."""

    def __init__(self, limits: Limits, labels: Labels, counted: Totals, letters: Letters) -> None:
        self.limits = limits
        self.labels = labels
        self.totals = counted
        self.letters = letters
        self.wheel: Wheel[Stream] = Wheel(_worth_a_look)
        self.pronounced = Pronounced(limits, counted, letters, self.wheel)
        self._accounts: dict[tuple[str, str, str, str], Account] = {}
        """By the names as a client spells them, within the cap on labels."""
        self.patience = Patience()
        self.payloads: dict[TaskKey, str] = {}
        """Payloads of fresh tasks: with the next commit they are the store's."""
        self.updated: dict[TaskKey, OpenTask] = {}
        """New versions of tasks that a store has."""
        self.closed: list[TaskKey] = []
        # One row of handlers, indexed by Action.
        handlers: dict[Action, Callable[[Stream, int, Any, float], None]] = {
            Action.OPEN: self._open,
            Action.ATTACH: self._attach,
            Action.KEEP_EARLY: self._keep_early,
            Action.START: self._start,
            Action.NOTE_PENDING: self._note_pending,
            Action.NOTE_INVOCATION: self._note_invocation,
            Action.STAND_ALONE: self._stand_alone,
            Action.CLOSE: self._close,
            Action.JUDGE: self._judge,
            Action.AMEND: self.pronounced.amend,
            Action.REJUDGE: self.pronounced.rejudge,
            Action.CONFIRM: self.pronounced.confirm,
            Action.FINALISE: self.pronounced.finalise,
        }
        self._handlers = tuple(handlers.get(action, _ignore) for action in Action)

    def take(self, stream: Stream, opening: int, kind: Kind, fact: Fact | None, now: float) -> None:
        """Look up what evidence of this kind does to the task now, and do it."""
        self.act(ROWS[stream.state_of(opening)][kind], stream, opening, fact, now)

    def act(
        self, action: Action, stream: Stream, opening: int, fact: Fact | None, now: float
    ) -> None:
        """Carry out what the transition table says."""
        self._handlers[action](stream, opening, fact, now)

    def account(self, stream: Stream, task: str, platform: str, origin: str, now: float) -> Account:
        """What a task of this name is counted under, an overflow of names counted too."""
        spelling = (stream.source.service, task, platform, origin)
        account = self._accounts.get(spelling)
        if account is None:
            series = self.labels.series(*spelling)
            account = self.totals.account(series, now)
            if spelling == series.labels:
                self._accounts[spelling] = account
            # Other spellings are not remembered: a million names past the cap cost nothing.
            if series.task == OTHER and task != OTHER:
                self.totals.add(totals.LABEL_OVERFLOW, (series.service,), now)
        return account

    def keep(self, stream: Stream, task: OpenTask, now: float) -> None:
        """A task is open after a drain, or was restored: set its timer, count its age."""
        oldest = self.totals.account(task.series, now).oldest
        second = int(task.scheduled_at)
        oldest[second] = oldest.get(second, 0) + 1
        stream.open[task.sequence] = self._with_alarm(stream, task, now)

    def look_again(self, stream: Stream, opening: int, now: float) -> None:
        """A timer came up. Ask the rules, and set the next timer if the task may still live."""
        self.take(stream, opening, Kind.TIME, None, now)
        task = stream.open.get(opening)
        if task is not None and task.alarm_at <= now:
            stream.open[opening] = self._with_alarm(stream, task, now)

    def hasten(self, stream: Stream, since: float, now: float) -> None:
        """Since then its deadlines were read too late: set the timers of those tasks anew."""
        late = takewhile(lambda task: task.received_at >= since, reversed(stream.open.values()))
        for task in [task for task in late if task.deadline is not None]:
            self.wheel.discard(task.alarm_at)
            stream.open[task.sequence] = self._with_alarm(stream, task, now)

    def take_up(self, stream: Stream, settled: SettledTask, now: float) -> None:
        """A pronounced task, from a store: late evidence may amend it."""
        stream.amendable[settled.opening.sequence] = settled
        self.pronounced.watch_finality(stream, settled, now)

    def _with_alarm(self, stream: Stream, task: OpenTask, now: float) -> OpenTask:
        state = stream.state
        at = stream.due_at(task, self.limits)
        if state.lock_fell_at or state.down_at:
            at = now  # opened by a process that is gone: the next look will tell
        hold_until = self.patience.until(state.last_heard_at)
        if at < hold_until:  # or sooner, should it speak: it is asked for when clients try again
            at = min(hold_until, now + self.limits.client_backoff_seconds)
        at = max(at, now + 0.001)
        return replace(task, alarm_at=self.wheel.add(at, stream, task.sequence, now))

    # Opening.

    def _open(self, stream: Stream, opening: int, fact: Scheduled, now: float) -> None:
        account = self.account(stream, fact.task, fact.platform, fact.origin, now)
        early = stream.ahead.pop(opening, None) if stream.ahead else None
        task = entries.open_task(fact, stream.source, account.series, now, early)
        stream.fresh[opening] = task
        if fact.payload is not None:
            self.payloads[stream.source.stream, opening] = fact.payload
        self.totals.schedule(account)
        if early is not None and early.start_delay_seconds is not None:
            self.totals.observe(totals.START_DELAY, account, early.start_delay_seconds, now)
        if fact.invocation:
            stream.by_invocation.setdefault(fact.invocation, set()).add(opening)
            over = stream.end_of(task) if stream.state.invocations_over else None
            if over is not None:
                self.take(stream, opening, Kind.INVOCATION_ENDED, over, now)

    def _attach(self, stream: Stream, opening: int, fact: Scheduled, now: float) -> None:
        letter = stream.ahead.pop(opening).letter
        if letter is not None:
            task = entries.open_task(fact, stream.source, letter.opening.series, now, None)
            self.letters.attach(entries.attached(letter, task), fact.payload)

    def _keep_early(
        self, stream: Stream, opening: int, fact: Started | Pending, _now: float
    ) -> None:
        if opening in stream.ahead or len(stream.ahead) < self.limits.ahead_per_stream:
            stream.ahead[opening] = entries.early(stream.ahead.get(opening), fact)

    # While it is open.

    def _start(self, stream: Stream, opening: int, fact: Started, now: float) -> None:
        task = self._open_task(stream, opening)
        self._update(stream, entries.started(task, fact, now))
        if fact.start_delay_seconds is not None:
            account = self.totals.account(task.series, now)
            self.totals.observe(totals.START_DELAY, account, fact.start_delay_seconds, now)

    def _note_pending(self, stream: Stream, opening: int, fact: Pending, now: float) -> None:
        self._update(stream, entries.pending(self._open_task(stream, opening), fact, now))
        task = stream.open.get(opening)
        if task is not None:  # it may be due earlier now
            self.wheel.discard(task.alarm_at)
            stream.open[opening] = self._with_alarm(stream, task, now)

    def _note_invocation(
        self, stream: Stream, opening: int, fact: InvocationEnded, now: float
    ) -> None:
        task = entries.invocation_over(self._open_task(stream, opening), fact)
        self._update(stream, task)
        self._judge(stream, opening, None, now)
        if opening in stream.fresh or opening in stream.open:
            stream.held_back.add(opening)

    def _update(self, stream: Stream, task: OpenTask) -> None:
        if task.sequence in stream.fresh:
            stream.fresh[task.sequence] = task
        else:
            stream.open[task.sequence] = task
            self.updated[stream.source.stream, task.sequence] = task

    @staticmethod
    def _open_task(stream: Stream, opening: int) -> OpenTask:
        return stream.fresh.get(opening) or stream.open[opening]

    # Closing.

    def _close(self, stream: Stream, opening: int, fact: Settled | SpanEnded, now: float) -> None:
        task, payload = self._remove(stream, opening)
        settled = entries.closed(task, fact, now)
        account = self.totals.account(task.series, now)
        if isinstance(fact, Settled):
            payload = fact.payload if payload is None else payload
            if not task.started_sequence and fact.start_delay_seconds is not None:
                self.totals.observe(totals.START_DELAY, account, fact.start_delay_seconds, now)
        else:
            stream.amendable[opening] = settled
        self.pronounced.pronounce(account, settled, payload, now)
        self.pronounced.observe(account, settled, now)

    def _stand_alone(
        self, stream: Stream, opening: int, fact: Settled | SpanEnded, now: float
    ) -> None:
        account = self.account(stream, fact.task, fact.platform, fact.origin, now)
        task = entries.opening_of(fact, stream.source, account.series, now)
        settled = entries.closed(task, fact, now)
        self.totals.schedule(account)
        payload = None
        if isinstance(fact, Settled):
            payload = fact.payload
            if fact.start_delay_seconds is not None:
                self.totals.observe(totals.START_DELAY, account, fact.start_delay_seconds, now)
            self._expect_opening(stream, settled, folded=fact.folded)
        else:
            stream.amendable[opening] = settled
            stream.seen.see(opening)  # spans and logs come as they like; it opens nothing any more
        self.pronounced.pronounce(account, settled, payload, now)
        self.pronounced.observe(account, settled, now)

    def _expect_opening(self, stream: Stream, settled: SettledTask, *, folded: bool) -> None:
        """The opening may come late. Where there is no room to wait for it, count it as seen."""
        opening = settled.opening.sequence
        known = opening in stream.ahead
        if folded or (not known and len(stream.ahead) >= self.limits.ahead_per_stream):
            stream.ahead.pop(opening, None)
            if stream.seen.see(opening) and not folded:
                stream.scheduled_arrived += 1  # when it comes it is one that was seen
            return
        letter = without_texts(settled) if is_letter(settled) else None
        stream.ahead[opening] = Early(opening, closed=True, letter=letter)

    def _judge(self, stream: Stream, opening: int, _fact: Fact | None, now: float) -> None:
        task = self._open_task(stream, opening)
        hold_until = self.patience.until(stream.state.last_heard_at)
        seen = stream.circumstances(task, hold_until)
        verdict = verdicts.infer(task, seen, now, self.limits)
        if verdict is not None:
            self._lose(stream, opening, verdict, now)

    def _lose(self, stream: Stream, opening: int, verdict: Verdict, now: float) -> None:
        task, payload = self._remove(stream, opening)
        settled = SettledTask(opening=task, verdict=verdict, awaiting=task.notes.awaiting)
        stream.amendable[opening] = settled
        self.pronounced.watch_finality(stream, settled, now)
        account = self.totals.account(task.series, now)
        self.pronounced.pronounce(account, settled, payload, now)
        self.pronounced.observe(account, settled, now)

    def _remove(self, stream: Stream, opening: int) -> tuple[OpenTask, str | None]:
        """Take a task out of the open ones, with its payload if no store has it yet."""
        key = (stream.source.stream, opening)
        payload = None
        task = stream.fresh.pop(opening, None)
        if task is not None:
            if task.has_payload:
                payload = self.payloads.pop(key, None)
        else:
            task = stream.open.pop(opening)
            self.closed.append(key)
            self.updated.pop(key, None)
            self.wheel.discard(task.alarm_at)
            oldest = self.totals.accounts[task.series].oldest
            second = int(task.scheduled_at)
            oldest[second] -= 1
            if not oldest[second]:
                del oldest[second]
        if task.invocation:
            siblings = stream.by_invocation[task.invocation]
            siblings.discard(opening)
            if not siblings:
                del stream.by_invocation[task.invocation]
        return task, payload


def _ignore(_stream: Stream, _opening: int, _fact: Fact | None, _now: float) -> None:
    """Evidence that means nothing here."""


def _worth_a_look(stream: Stream, number: int, second: int) -> bool:
    """Whether a timer's entry is of a task that still waits for it, or of one not yet final."""
    if number > 0:
        task = stream.open.get(number)
        return task is not None and task.alarm_at == second
    if number < 0:
        return -number in stream.amendable
    return stream.armed_second == second

"""What the semantics make of each fact: which task it opens, closes or changes, and what is due.

Not a table of states: what is known of a task is kept, and asked for what follows from it.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Final

from msgspec.structs import replace

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.verifying.expecting import Expected, closing
from afterword_sidecar.verifying.known import Cite, Conclusion, Patience, Stream, Task
from afterword_sidecar.verifying.rules import Limits, conclude

Expect = Callable[[int, Expected], None]
"""Called with the opening's number."""
_EVIDENCE_LOST: Final = "unknown/evidence_lost"
_OVERTAKEN: Final = 64
"""Ends of invocations remembered for openings that come after them."""


class Judge:
    """Facts in, expectations out. ``limits`` and ``patience`` are the sidecar's at the moment."""

    def __init__(self) -> None:
        self.limits: Limits = {}
        self.patience = Patience()
        self.scheduled = 0
        """Tasks opened so far."""
        self.rolled_up: dict[str, int] = {}
        """``outcome/reason`` -> tasks told by number alone."""
        self._tellers: dict[type, Callable[[Stream, Any, float, Expect], None]] = {
            shapes.Scheduled: self._scheduled,
            shapes.Started: self._started,
            shapes.Pending: self._pending,
            shapes.Settled: self._settled,
            shapes.Span: self._span,
            shapes.InvocationEnded: self._invocation,
            shapes.Instance: self._instance,
            shapes.Rollup: self._rollup,
        }

    def hear(self, stream: Stream, facts: list[shapes.Fact], now: float, expect: Expect) -> None:
        """Facts of one call, in their order."""
        highest, holes = stream.heard.highest, stream.heard.gaps > 0
        recovered = False
        stand_for_more = holes and any(map(_stands_for_more, facts))
        missing = stream.heard.unheard(1, highest) if stand_for_more else 0
        for fact in facts:
            if getattr(fact, "opening_sequence", 0) >= fact.sequence:
                continue  # speaks of what would come after it
            if stream.heard.add(fact.sequence):
                recovered = recovered or (holes and fact.sequence <= highest)
                self._tellers[type(fact)](stream, fact, now, expect)
        if stand_for_more and stream.heard.unheard(1, highest) < missing:
            recovered = True
        stream.heard.forget_gaps(int(self.limits["hole_ranges_per_stream"]))
        if recovered:
            self._recovered(stream, now, expect)

    def _recovered(self, stream: Stream, now: float, expect: Expect) -> None:
        """Something that was missing has come: whoever was judged, or not, for want of it."""
        for task in list(stream.tasks.values()):
            if task.over is not None and task.said is None:
                self._may_be_lost(stream, task, now, expect)
            elif task.said is not None and task.said.pair == _EVIDENCE_LOST:
                self._again(stream, task, now, expect, told=False)

    def lost(self, stream: Stream, task: Task, now: float, hold_until: float) -> list[Conclusion]:
        """What may be inferred of a task now, the likeliest first; empty while it may live.

        More than one only where the journal does not settle it: a sidecar keeps few candidates of
        a clock's offset, and of a stream that is not wholly here the totals are not known.
        """
        found: list[Conclusion] = []
        for conclusion in self._conclusions(stream, task, now, hold_until):
            if conclusion is not None and conclusion not in found:
                found.append(conclusion)
        return found

    def likely(
        self, stream: Stream, task: Task, now: float, hold_until: float
    ) -> Conclusion | None:
        """What is to be inferred of a task by the likeliest offset; ``None``: it may live."""
        return next(self._conclusions(stream, task, now, hold_until))

    def _conclusions(
        self, stream: Stream, task: Task, now: float, hold_until: float
    ) -> Iterator[Conclusion | None]:
        missing = (stream.closing_missing,) if stream.whole else (stream.closing_missing, True)
        offsets = stream.clock.offsets_for(task.took_seconds)
        for more_settled, offset in product(missing, offsets):
            yield conclude(
                task,
                stream,
                now,
                hold_until,
                self.limits,
                offset=offset,
                more_settled=more_settled,
            )

    def final_from(self, stream: Stream, opening: int, said: Conclusion) -> float:
        """When an inferred verdict becomes final: its process may have beaten again meanwhile."""
        since = said.at
        if said.cite[0] == "lease_lapsed":
            since = max(since, stream.vouched_for(opening))
        return since + self.limits["finality_seconds"]

    # Opening.

    def _scheduled(
        self, stream: Stream, fact: shapes.Scheduled, now: float, expect: Expect
    ) -> None:
        opening = fact.sequence
        task = stream.early.pop(opening, Task(opening))
        if task is None:
            return  # closed before it
        self.scheduled += 1
        task.name, task.deadline, task.lead_seconds = (
            fact.task,
            fact.deadline,
            fact.guard_lead_seconds,
        )
        task.invocation, task.heard_at = fact.invocation, now
        task.took_seconds = now - fact.at
        task.cites.append((names.EVENT_SCHEDULED, opening, fact.at))
        stream.tasks[opening] = task
        if fact.invocation:
            stream.by_invocation.setdefault(fact.invocation, set()).add(opening)
            for invocation, over in stream.overtook:
                if invocation == fact.invocation and over[1] > opening:
                    self._over(stream, task, over, now, expect)
                    break

    def _before_its_opening(self, stream: Stream, opening: int) -> Task | None:
        """Where to note what came early; ``None`` if it means nothing any more."""
        if opening in stream.early:
            return stream.early[opening]
        if opening in stream.heard or not self._room(stream):
            return None
        task = stream.early[opening] = Task(opening)
        return task

    def _room(self, stream: Stream) -> bool:
        return len(stream.early) < self.limits["ahead_per_stream"]

    # While it is open.

    def _started(self, stream: Stream, fact: shapes.Started, now: float, _expect: Expect) -> None:
        task = stream.tasks.get(fact.opening_sequence)
        if task is None:
            early = self._before_its_opening(stream, fact.opening_sequence)
            if early is not None:
                early.note_start(fact)
        elif task.said is None and task.started is None:
            task.note_start(fact)
            task.heard_at = now

    def _pending(self, stream: Stream, fact: shapes.Pending, now: float, expect: Expect) -> None:
        task = stream.tasks.get(fact.opening_sequence)
        if task is None:
            early = self._before_its_opening(stream, fact.opening_sequence)
            if early is not None:
                early.note_pending(fact)
        elif not task.spanned:
            task.note_pending(fact)
            task.heard_at = now
            if task.said is not None:
                self._again(stream, task, now, expect, told=True)

    def _again(self, stream: Stream, task: Task, now: float, expect: Expect, *, told: bool) -> None:
        """A lost task is judged anew; if it may live, what was said of it stands."""
        before = task.said
        if before is None:
            return
        likely = self.likely(stream, task, now, 0.0) or before
        if told or likely.pair != before.pair:
            allowed = [likely, *self.lost(stream, task, now, 0.0)]
            expect(task.opening, Expected(allowed, cites_of(stream, task), before))
            self.say(stream, task, likely)

    def _invocation(
        self, stream: Stream, fact: shapes.InvocationEnded, now: float, expect: Expect
    ) -> None:
        over = (names.EVENT_INVOCATION, fact.sequence, fact.at)
        if stream.heard.gaps:
            stream.overtook = [*stream.overtook, (fact.invocation, over)][-_OVERTAKEN:]
        for opening in sorted(stream.by_invocation.get(fact.invocation, ())):
            self._over(stream, stream.tasks[opening], over, now, expect)

    def _over(self, stream: Stream, task: Task, over: Cite, now: float, expect: Expect) -> None:
        if task.said is None and task.started is None:
            task.over = over
            self._may_be_lost(stream, task, now, expect)

    def _may_be_lost(self, stream: Stream, task: Task, now: float, expect: Expect) -> None:
        hold_until = self.patience.until(stream)
        allowed = self.lost(stream, task, now, hold_until)
        likely = self.likely(stream, task, now, hold_until)
        if allowed:
            required = likely is not None
            expect(task.opening, Expected(allowed, cites_of(stream, task), None, required=required))
        if likely is not None:
            self.say(stream, task, likely)

    # Closing.

    def _settled(self, stream: Stream, fact: shapes.Settled, now: float, expect: Expect) -> None:
        opening, conclusion = fact.opening_sequence, closing(fact, now)
        task = stream.tasks.pop(opening, None)
        if task is not None:
            expect(opening, Expected([conclusion], cites_of(stream, task), task.said))
            self._leave_invocation(stream, task)
        elif not _gone(stream, opening):
            self._stands_alone(stream, fact, conclusion, expect)
        elif not stream.whole:
            # Its opening came before the journal: it may have been open, or closed for long.
            expect(opening, Expected([conclusion], _opening_cites(fact), None, required=False))
        stream.end(1, fact.sequence)
        if fact.folded:
            stream.heard.add(opening)
            if fact.started_sequence:
                stream.heard.add(fact.started_sequence)

    def _stands_alone(
        self, stream: Stream, fact: shapes.Settled, conclusion: Conclusion, expect: Expect
    ) -> None:
        opening = fact.opening_sequence
        self.scheduled += 1
        expect(opening, Expected([conclusion], _opening_cites(fact), None))
        if fact.folded or (opening not in stream.early and not self._room(stream)):
            stream.early.pop(opening, None)
            stream.heard.add(opening)
        else:
            stream.early[opening] = None

    def _span(self, stream: Stream, fact: shapes.Span, now: float, expect: Expect) -> None:
        opening, conclusion = fact.opening_sequence, closing(fact, now)
        task = stream.tasks.get(opening)
        if task is None:
            if _gone(stream, opening):
                return
            self.scheduled += 1
            task = stream.tasks[opening] = Task(opening)
            task.name = fact.task
            task.cites.append((names.EVENT_SCHEDULED, opening, fact.started_at))
            stream.heard.add(opening)
        elif task.spanned:
            return
        expect(opening, Expected([conclusion], cites_of(stream, task), task.said))
        task.spanned = True
        self.say(stream, task, conclusion)

    def say(self, stream: Stream, task: Task, conclusion: Conclusion) -> None:
        """The book says this of the task."""
        if task.said is None:
            self._leave_invocation(stream, task)
        task.said = conclusion
        task.cites.append(conclusion.cite)

    def _leave_invocation(self, stream: Stream, task: Task) -> None:
        siblings = stream.by_invocation.get(task.invocation)
        if siblings is not None:
            siblings.discard(task.opening)
            if not siblings:
                del stream.by_invocation[task.invocation]

    # The stream.

    def _instance(self, stream: Stream, fact: shapes.Instance, now: float, _expect: Expect) -> None:
        stream.say(fact, now)

    def _rollup(self, stream: Stream, fact: shapes.Rollup, now: float, expect: Expect) -> None:
        """Tasks by number alone. Should some be known, those end; the rest are the new ones."""
        told = sum(last - first + 1 for first, last in fact.ranges)
        new: float = sum(stream.heard.unheard(first, last) for first, last in fact.ranges)
        for first, last in fact.ranges:
            stream.heard.add(first, last)
        count = fact.count
        if new < told:
            within = [range(first, last + 1) for first, last in fact.ranges]
            ours = sorted(n for n in stream.tasks if any(n in numbers for numbers in within))
            each, conclusion = told / count, closing(fact, now)
            for opening in ours[:count]:
                task = stream.tasks.pop(opening)
                new -= each - (2 if task.started else 1)
                expect(opening, Expected([conclusion], cites_of(stream, task), task.said))
                self._leave_invocation(stream, task)
            known = len(ours[:count])
            stream.end(known, fact.ranges[0][0])
            count = min(count - known, round(max(0.0, new) / each))
        stream.end(count, fact.ranges[0][0])
        self.scheduled += count
        pair = f"{fact.outcome}/{fact.reason}"
        self.rolled_up[pair] = self.rolled_up.get(pair, 0) + count


def _gone(stream: Stream, opening: int) -> bool:
    """Whether a task that is not open was closed before."""
    closed_early = opening in stream.early and stream.early[opening] is None
    return closed_early or opening in stream.heard


def confirmed(said: Conclusion, stream: Stream) -> Conclusion:
    """A verdict once the process is known to be dead."""
    fell_at, clock = stream.lock_fell_at, said.clock
    if clock is not None:
        clock = replace(clock, lock_fell_at=fell_at, alive_at=stream.known_alive_at)
    cite: Cite = ("stream_ended", 0, fell_at)
    return replace(said, basis=names.PROVEN, final=True, cite=cite, clock=clock)


def cites_of(stream: Stream, task: Task) -> list[Cite]:
    """All that a verdict on this task may name, beside what decides."""
    beside = [cite for cite in (task.over, stream.down) if cite is not None]
    return [*task.cites, *beside]


def _opening_cites(fact: shapes.Settled) -> list[Cite]:
    """What a closing tells of the beginning of its task."""
    at = fact.at if fact.scheduled_at is None else fact.scheduled_at
    cites: list[Cite] = [(names.EVENT_SCHEDULED, fact.opening_sequence, at)]
    if fact.started_sequence:
        began = fact.scheduled_at is not None and fact.start_delay_seconds is not None
        started_at = at + (fact.start_delay_seconds or 0.0) if began else 0.0
        cites.append((names.EVENT_STARTED, fact.started_sequence, started_at))
    return cites


def _stands_for_more(fact: shapes.Fact) -> bool:
    """Whether it tells of numbers beside its own."""
    return isinstance(fact, shapes.Rollup) or (isinstance(fact, shapes.Settled) and fact.folded)

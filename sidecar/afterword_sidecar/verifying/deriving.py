"""Verdicts derived anew, call by call, and compared with those that the journal has."""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.verifying.expecting import Expectations, Expected, difference
from afterword_sidecar.verifying.findings import Finding, Position, Problem, Report
from afterword_sidecar.verifying.judging import Judge, cites_of, confirmed
from afterword_sidecar.verifying.kept import Letters
from afterword_sidecar.verifying.known import Conclusion, Patience, Stream, Task
from afterword_sidecar.verifying.reading import Gap, Taken
from afterword_sidecar.verifying.rules import death_proves
from afterword_sidecar.verifying.sums import Sums

_AT_ONCE: Final = 5000
"""A dead process's tasks that one call pronounces; the rest follow as time passes."""
_LATE_SECONDS: Final = 10.0
"""A verdict that time alone makes due may take so long until it is missed."""


_WITHOUT_LIMITS: Final = (shapes.Segment, shapes.Standing, shapes.Opened, shapes.Pruned)
"""What can be understood before it is known by which limits the sidecar judges."""


class Derivation:
    """Takes records in their order; what it finds goes into the report."""

    def __init__(self, report: Report, letters: Letters | None = None) -> None:
        self._report = report
        self._letters = letters
        self._judge = Judge()
        self._sums = Sums(report)
        self.streams: dict[str, Stream] = {}
        self._expected = Expectations()
        self._call: shapes.Record | None = None
        self._where = Position(0, "", 0)
        """Of the call."""
        self._told: shapes.Heard | None = None
        """A call whose facts are being read."""
        self._facts: list[shapes.Fact] = []
        self._gap_in_call = ""
        """Records that are missing since the call began, in words."""
        self._elsewhere = ""
        """Records missing that may have been of any stream, in words."""
        self._patience_doubt = ""
        """A start or a stall may be among the records missing, in words."""
        self._now = 0.0
        self._opened_before = False
        self.whole = False
        """The journal began with its book."""
        self._deeds: dict[type, Callable[[Any], None]] = {
            shapes.Segment: self._segment,
            shapes.Standing: self._standing,
            shapes.Opened: self._opened,
            shapes.Stalled: self._stalled,
            shapes.Heard: self._heard,
            shapes.Ended: self._ended,
            shapes.Alive: self._alive,
            shapes.SpoolGone: self._spool_gone,
            shapes.RecordsLost: self._records_lost,
            shapes.Forgotten: self._forgotten,
            shapes.Retired: self._retired,
            shapes.Commit: self._commit,
            shapes.Pruned: self._pruned,
            shapes.Time: self._passed,
            shapes.Refused: self._passed,
        }

    def take(self, taken: Taken) -> None:
        """One record."""
        record = taken.record
        if isinstance(record, shapes.Verdict):
            self._all_told()
            self._verdict(taken.position, record)
        elif isinstance(record, shapes.FACTS):
            self._fact(record)
        else:
            self._end_call()
            self._call, self._where = record, taken.position
            if self._judge.limits or isinstance(record, _WITHOUT_LIMITS):
                self._deeds[type(record)](record)
            else:  # what they are is not known: they stood in records that are missing
                self._elsewhere = self._elsewhere or self._unheard("?")

    def gap(self, gap: Gap) -> None:
        """Records that cannot be gone by: what they told may have mattered to what follows."""
        self._gap_in_call = gap.why
        self._sums.unsure = True
        told, facts_from = self._told, self._where.number + 1
        if told is not None and facts_from <= gap.first and gap.last < facts_from + told.facts:
            streams = [self.streams[told.stream]]  # facts of one stream, then, and nothing else
        else:
            streams = list(self.streams.values())
            self._elsewhere = self._patience_doubt = gap.why
        for stream in streams:
            stream.doubt = gap.why
            for task in stream.tasks.values():
                task.doubt = gap.why

    def end(self) -> None:
        """The journal is over: what should have been said by now?"""
        self._end_call()
        for name, stream in self.streams.items():
            self._report.streams += 1
            for task in stream.tasks.values():
                self._report.open_tasks += task.said is None
                self._overdue(name, stream, task)

    def compare_totals(self, totals: dict[str, float]) -> None:
        """With those that the book is kept with."""
        self._sums.compare(totals, "the book", whole=True)

    # Calls.

    def _segment(self, record: shapes.Segment) -> None:
        self._report.book = record.book
        self._report.pruned_to = max(self._report.pruned_to, record.pruned_to)

    def _standing(self, record: shapes.Standing) -> None:
        self._sums.compare(record.totals, self._where, whole=True)
        if not self._judge.limits:
            self._judge.limits = record.limits
            self._judge.patience = Patience(*record.patience)

    def _opened(self, record: shapes.Opened) -> None:
        self._now = record.at
        judge = self._judge
        if not self._opened_before:
            self._opened_before = True
            self.whole = not (record.streams or record.open_tasks) and self._report.first == 1
        judge.limits = record.limits
        judge.patience, self._patience_doubt = Patience(), ""
        judge.patience.begin(record.at, 0.0, record.limits["client_backoff_seconds"])
        if record.cut:
            self._report.notes.append(
                f"{self._where}: {record.cut} records of a commit that was never made were removed"
            )

    def _stalled(self, record: shapes.Stalled) -> None:
        self._now = record.at
        pause = self._judge.limits["client_backoff_seconds"]
        self._judge.patience.begin(record.at, record.seconds, pause)

    def _passed(self, record: shapes.Time | shapes.Refused) -> None:
        self._now = record.at

    def _heard(self, record: shapes.Heard) -> None:
        self._now = record.at
        stream = self.streams.get(record.stream)
        if stream is None or record.new:
            stream = Stream("" if record.new else self._elsewhere or self._unheard(record.stream))
            stream.last_heard_at = record.at
            self.streams[record.stream] = stream
        self._told, self._facts = record, []
        if not record.facts:
            self._told = None

    def _fact(self, fact: shapes.Fact) -> None:
        if self._told is None:
            return  # of a call that is missing; the gap is known
        self._facts.append(fact)
        if len(self._facts) == self._told.facts:
            self._all_told()

    def _all_told(self) -> None:
        told, facts = self._told, self._facts
        self._told, self._facts = None, []
        if told is None or not facts:
            return
        stream = self.streams[told.stream]
        if not stream.whole and not stream.heard.highest:
            stream.heard.add(1, min(fact.sequence for fact in facts) - 1)
        stream.hear(told, facts, self._judge.limits)

        def expect(opening: int, expected: Expected) -> None:
            self._expect(told.stream, opening, expected)

        self._judge.hear(stream, facts, told.at, expect)

    def _ended(self, record: shapes.Ended) -> None:
        self._now = record.at
        stream = self.streams.get(record.stream)
        if stream is None or stream.lock_fell_at:
            return
        stream.lock_fell_at, stream.alive_at = record.at, record.alive_at
        stream.last_heard_at = max(stream.last_heard_at, record.alive_at)
        hold_until = self._judge.patience.until(stream)
        open_tasks = [task for task in stream.tasks.values() if task.said is None]
        for task in list(stream.tasks.values()):
            said = task.said
            if said is None:
                allowed = self._judge.lost(stream, task, record.at, hold_until)
                required = len(open_tasks) <= _AT_ONCE
                expected = Expected(allowed, cites_of(stream, task), None, required=required)
                self._expect(record.stream, task.opening, expected)
                if required:
                    self._judge.say(stream, task, allowed[0])
            elif (
                said.basis != names.PROVEN
                and not task.spanned
                and death_proves(said.rule, task, stream)
            ):
                proven = confirmed(said, stream)
                expected = Expected([proven], cites_of(stream, task), said)
                self._expect(record.stream, task.opening, expected)
                self._judge.say(stream, task, proven)

    def _alive(self, record: shapes.Alive) -> None:
        self._now = record.at
        for name in record.streams:
            stream = self.streams.get(name)
            if stream is not None:
                stream.vouched_at = record.at

    def _spool_gone(self, record: shapes.SpoolGone) -> None:
        self._now = record.at
        stream = self.streams.get(record.stream)
        if stream is not None and not (stream.lock_fell_at or stream.spool_gone_at):
            stream.spool_gone_at = record.at

    def _records_lost(self, record: shapes.RecordsLost) -> None:
        self._now = record.at
        stream = self.streams.get(record.stream)
        if record.new:
            stream = self.streams[record.stream] = Stream("")
            stream.last_heard_at, stream.same_clock = record.at, True
        if stream is not None:
            stream.heard.give(record.highest)
            stream.heard.forget_gaps(int(self._judge.limits["hole_ranges_per_stream"]))
            stream.closings_lost = record.closings

    def _forgotten(self, record: shapes.Forgotten) -> None:
        for name, opening in record.letters:
            stream = self.streams.get(name)
            if stream is not None:
                task = stream.tasks.get(opening)
                if task is not None and task.said is not None:
                    del stream.tasks[opening]
            if self._letters is not None:
                self._letters.forgotten((name, opening))

    def _retired(self, record: shapes.Retired) -> None:
        for name in record.streams:
            stream = self.streams.pop(name, None)
            if stream is not None:
                for task in stream.tasks.values():
                    self._overdue(name, stream, task)

    def _commit(self, record: shapes.Commit) -> None:
        self._sums.scheduled, self._sums.rolled_up = self._judge.scheduled, self._judge.rolled_up
        self._sums.compare(record.totals, self._where, whole=False)

    def _pruned(self, record: shapes.Pruned) -> None:
        self._report.pruned_to = max(self._report.pruned_to, record.up_to)

    # Verdicts.

    def _expect(self, stream: str, opening: int, expected: Expected) -> None:
        self._expected.add((stream, opening), expected)

    def _verdict(self, position: Position, said: shapes.Verdict) -> None:
        key = (said.stream, said.opening)
        words = f"{said.outcome}/{said.reason}/{said.basis}"
        stream = self.streams.get(said.stream)
        task = None if stream is None else stream.tasks.get(said.opening)
        expected = self._expected.take(key)
        if expected is None and isinstance(self._call, shapes.Time):
            expected = self._by_time(stream, task)
        if self._letters is not None:
            self._letters.said(key, said)
        before = self._before(expected, task, said)
        self._sums.pronounced(said, before)
        finding, why = self._compare(expected, stream, task, said)
        self._report.judge(words, finding)
        if finding is not Finding.CONFIRMED:
            where, name = str(position), f"{said.stream}-{said.opening}"
            self._report.tell(Problem(finding.value, where, f"{said.task}: {why}", name))

    def _compare(
        self,
        expected: Expected | None,
        stream: Stream | None,
        task: Task | None,
        said: shapes.Verdict,
    ) -> tuple[Finding, str]:
        doubt = self._doubt(stream, said)
        if expected is None or not expected.allowed:
            if doubt:
                return Finding.UNTOLD, doubt
            return Finding.CONTRADICTED, "nothing that was heard by then calls for a verdict"
        differences = [difference(said, each, expected.cites) for each in expected.allowed]
        if "" not in differences:
            return (Finding.UNTOLD, doubt) if doubt else (Finding.CONTRADICTED, differences[0])
        if stream is not None and task is not None and stream.tasks.get(task.opening) is task:
            self._judge.say(stream, task, expected.allowed[differences.index("")])
        if len({each.pair for each in expected.allowed}) > 1 and doubt:
            return Finding.UNTOLD, doubt
        if task is not None and task.doubt and said.basis != names.OBSERVED:
            return Finding.UNTOLD, task.doubt
        return Finding.CONFIRMED, ""

    def _by_time(self, stream: Stream | None, task: Task | None) -> Expected | None:
        """What passing time says of this task."""
        if stream is None or task is None:
            return None
        judge, before = self._judge, task.said
        if before is None:
            hold_until = judge.patience.until(stream)
            allowed = judge.lost(stream, task, self._now, hold_until)
            return Expected(allowed, cites_of(stream, task), None)
        if (
            task.spanned
            or before.final
            or judge.final_from(stream, task.opening, before) > self._now
        ):
            return None
        return Expected(
            [replace(before, final=True, final_at=self._now)], cites_of(stream, task), before
        )

    @staticmethod
    def _before(expected: Expected | None, task: Task | None, said: shapes.Verdict) -> str:
        """``outcome/reason`` that the book said of the task until then."""
        before: Conclusion | None = None
        if expected is not None:
            before = expected.before
        elif task is not None:
            before = task.said
        return before.pair if before else said.was

    def _doubt(self, stream: Stream | None, said: shapes.Verdict) -> str:
        """Why something else may have been told than what is here; empty if all is here."""
        if self._gap_in_call:
            return self._gap_in_call
        if stream is not None:
            observed = said.basis == names.OBSERVED
            return stream.doubt or ("" if observed else self._patience_doubt)
        return self._elsewhere or ("" if self.whole else self._unheard(said.stream))

    def _unheard(self, stream: str) -> str:
        first = self._report.first
        return f"what stream {stream[:8]} told before record {first} is not in the journal"

    def _end_call(self) -> None:
        """The next call begins: is anything left that this one had to say?"""
        self._all_told()
        for (name, opening), expected in self._expected.rest():
            if not expected.required or not expected.allowed:
                continue
            should = expected.allowed[0]
            stream = self.streams.get(name)
            task = None if stream is None else stream.tasks.get(opening)
            self._missed(name, opening, task, should)
        self._gap_in_call = ""

    def _missed(self, name: str, opening: int, task: Task | None, should: Conclusion) -> None:
        what = f"no verdict stands here; it should be {should.words} (rule {should.rule})"
        stream = self.streams.get(name)
        in_doubt = bool(self._gap_in_call) or stream is None or not stream.whole
        kind = Finding.UNTOLD.value if in_doubt else "unsaid"
        label = task.name if task else ""
        what = f"{label}: {what}" if label else what
        self._report.tell(Problem(kind, str(self._where), what, f"{name}-{opening}"))

    def _overdue(self, name: str, stream: Stream, task: Task) -> None:
        """What time made due for long, and nobody said."""
        now, judge, said = self._now - _LATE_SECONDS, self._judge, task.said
        hold_until = judge.patience.until(stream)
        latest = max(hold_until, task.heard_at, stream.lock_fell_at, stream.spool_gone_at)
        if stream.closing_missing:
            latest = max(latest, stream.last_heard_at)  # a hole may have made it due just then
        if stream.last_heard_at < judge.patience.silent_until:  # it spoke before that was over
            again = stream.last_heard_at + judge.limits["client_backoff_seconds"]
            latest = max(latest, min(again, judge.patience.silent_until))
        if not stream.whole or task.spanned or now < latest:
            return
        if said is None:
            likely = judge.likely(stream, task, now, hold_until)
            if likely is not None:
                self._unsaid(name, task, f"it should be {likely.words} by now")
        elif not said.final and judge.final_from(stream, task.opening, said) <= now:
            self._unsaid(name, task, f"{said.words} should be final by now")

    def _unsaid(self, stream: str, task: Task, what: str) -> None:
        where, name = str(self._where), f"{stream}-{task.opening}"
        self._report.tell(Problem("unsaid", where, f"{task.name}: {what}", name))

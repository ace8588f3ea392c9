"""Verdicts beside what the evidence calls for, one by one and call by call."""

from typing import Final

from msgspec.structs import replace

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.verifying.expecting import Expectations, Expected, difference
from afterword_sidecar.verifying.findings import Finding, Position, Problem, Report
from afterword_sidecar.verifying.judging import Judge, cites_of
from afterword_sidecar.verifying.kept import Letters
from afterword_sidecar.verifying.known import Conclusion, Stream, Task
from afterword_sidecar.verifying.sums import Sums

_LATE_SECONDS: Final = 10.0
"""A verdict that time alone makes due may take so long until it is missed."""


class Comparison:
    """Takes verdicts in their order. What differs, or cannot be told, goes into the report."""

    def __init__(
        self, report: Report, letters: Letters | None, judge: Judge, streams: dict[str, Stream]
    ) -> None:
        self._report = report
        self._letters = letters
        self._judge = judge
        self._streams = streams
        self._expected = Expectations()
        self.sums = Sums(report)
        self.where = Position(0, "", 0)
        """Of the call."""
        self.time_passes = False
        """It is a call by which time passes, and nothing is told."""
        self.now = 0.0
        self.gap_in_call = ""
        """Records that are missing since the call began, in words."""
        self.elsewhere = ""
        """Records missing that may have been of any stream, in words."""
        self.patience_doubt = ""
        """A start or a stall may be among the records missing, in words."""
        self.whole = False
        """The journal began with its book."""

    def begin_call(self, where: Position, *, time_passes: bool) -> None:
        """The verdicts that follow are those of a call that stands here."""
        self.where, self.time_passes = where, time_passes

    def expect(self, stream: str, opening: int, expected: Expected) -> None:
        """The call is to pronounce this."""
        self._expected.add((stream, opening), expected)

    def take(self, position: Position, said: shapes.Verdict) -> None:
        """What the book said, at this place."""
        key = (said.stream, said.opening)
        words = f"{said.outcome}/{said.reason}/{said.basis}"
        stream = self._streams.get(said.stream)
        task = None if stream is None else stream.tasks.get(said.opening)
        expected = self._expected.take(key)
        if expected is None and self.time_passes:
            expected = self._by_time(stream, task)
        if self._letters is not None:
            self._letters.said(key, said)
        before = self._before(expected, task, said)
        self.sums.pronounced(said, before)
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
            allowed = judge.lost(stream, task, self.now, hold_until)
            return Expected(allowed, cites_of(stream, task), None)
        if (
            task.spanned
            or before.final
            or judge.final_from(stream, task.opening, before) > self.now
        ):
            return None
        return Expected(
            [replace(before, final=True, final_at=self.now)], cites_of(stream, task), before
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
        if self.gap_in_call:
            return self.gap_in_call
        if stream is not None:
            observed = said.basis == names.OBSERVED
            return stream.doubt or ("" if observed else self.patience_doubt)
        return self.elsewhere or ("" if self.whole else self.unheard(said.stream))

    def unheard(self, stream: str) -> str:
        """That the journal begins too late for this stream, in words."""
        first = self._report.first
        return f"what stream {stream[:8]} told before record {first} is not in the journal"

    def end_call(self) -> None:
        """Is anything left that this call had to say?"""
        for (name, opening), expected in self._expected.rest():
            if not expected.required or not expected.allowed:
                continue
            should = expected.allowed[0]
            stream = self._streams.get(name)
            task = None if stream is None else stream.tasks.get(opening)
            self._missed(name, opening, task, should)
        self.gap_in_call = ""

    def _missed(self, name: str, opening: int, task: Task | None, should: Conclusion) -> None:
        what = f"no verdict stands here; it should be {should.words} (rule {should.rule})"
        stream = self._streams.get(name)
        in_doubt = bool(self.gap_in_call) or stream is None or not stream.whole
        kind = Finding.UNTOLD.value if in_doubt else "unsaid"
        label = task.name if task else ""
        what = f"{label}: {what}" if label else what
        self._report.tell(Problem(kind, str(self.where), what, f"{name}-{opening}"))

    def overdue(self, name: str, stream: Stream, task: Task) -> None:
        """What time made due for long, and nobody said."""
        now, judge, said = self.now - _LATE_SECONDS, self._judge, task.said
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
        where, name = str(self.where), f"{stream}-{task.opening}"
        self._report.tell(Problem("unsaid", where, f"{task.name}: {what}", name))

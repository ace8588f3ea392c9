"""What each record of a journal means for the streams and tasks that it is about."""

from collections.abc import Callable
from typing import Any, Final

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.verifying.comparing import Comparison
from afterword_sidecar.verifying.expecting import Expected
from afterword_sidecar.verifying.findings import Report
from afterword_sidecar.verifying.judging import Judge, cites_of, confirmed
from afterword_sidecar.verifying.kept import Letters
from afterword_sidecar.verifying.known import Patience, Stream
from afterword_sidecar.verifying.reading import Gap, Taken
from afterword_sidecar.verifying.rules import death_proves

_AT_ONCE: Final = 5000
"""A dead process's tasks that one call pronounces; the rest follow as time passes."""
_WITHOUT_LIMITS: Final = (shapes.Segment, shapes.Standing, shapes.Opened, shapes.Pruned)
"""What can be understood before it is known by which limits the sidecar judges."""


class Derivation:
    """Takes records in their order; what it finds goes into the report."""

    def __init__(self, report: Report, letters: Letters | None = None) -> None:
        self._report = report
        self._letters = letters
        self._judge = Judge()
        self.streams: dict[str, Stream] = {}
        """All that were heard of and are not forgotten."""
        self._beside = Comparison(report, letters, self._judge, self.streams)
        self._told: shapes.Heard | None = None
        """A call whose facts are being read."""
        self._facts: list[shapes.Fact] = []
        self._opened_before = False
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
            self._beside.take(taken.position, record)
        elif isinstance(record, shapes.FACTS):
            self._fact(record)
        else:
            self._end_call()
            time_passes = isinstance(record, shapes.Time)
            self._beside.begin_call(taken.position, time_passes=time_passes)
            if self._judge.limits or isinstance(record, _WITHOUT_LIMITS):
                self._deeds[type(record)](record)
            else:  # what they are is not known: they stood in records that are missing
                self._beside.elsewhere = self._beside.elsewhere or self._beside.unheard("?")

    def gap(self, gap: Gap) -> None:
        """Records that cannot be gone by: what they told may have mattered to what follows."""
        self._beside.gap_in_call = gap.why
        self._beside.sums.unsure = True
        told, facts_from = self._told, self._beside.where.number + 1
        if told is not None and facts_from <= gap.first and gap.last < facts_from + told.facts:
            streams = [self.streams[told.stream]]  # facts of one stream, then, and nothing else
        else:
            streams = list(self.streams.values())
            self._beside.elsewhere = self._beside.patience_doubt = gap.why
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
                self._beside.overdue(name, stream, task)

    def compare_totals(self, totals: dict[str, float]) -> None:
        """With those that the book is kept with."""
        self._beside.sums.compare(totals, "the book", whole=True)

    @property
    def whole(self) -> bool:
        """Whether the journal began with its book."""
        return self._beside.whole

    def _end_call(self) -> None:
        self._all_told()
        self._beside.end_call()

    # Calls.

    def _segment(self, record: shapes.Segment) -> None:
        self._report.book = record.book
        self._report.pruned_to = max(self._report.pruned_to, record.pruned_to)

    def _standing(self, record: shapes.Standing) -> None:
        self._beside.sums.compare(record.totals, self._beside.where, whole=True)
        if not self._judge.limits:
            self._judge.limits = record.limits
            self._judge.patience = Patience(*record.patience)

    def _opened(self, record: shapes.Opened) -> None:
        self._beside.now = record.at
        judge = self._judge
        if not self._opened_before:
            self._opened_before = True
            self._beside.whole = (
                not (record.streams or record.open_tasks) and self._report.first == 1
            )
        judge.limits = record.limits
        judge.patience, self._beside.patience_doubt = Patience(), ""
        judge.patience.begin(record.at, 0.0, record.limits["client_backoff_seconds"])
        if record.cut:
            self._report.notes.append(
                f"{self._beside.where}: {record.cut} records of a commit that was never made "
                "were removed"
            )

    def _stalled(self, record: shapes.Stalled) -> None:
        self._beside.now = record.at
        pause = self._judge.limits["client_backoff_seconds"]
        self._judge.patience.begin(record.at, record.seconds, pause)

    def _passed(self, record: shapes.Time | shapes.Refused) -> None:
        self._beside.now = record.at

    def _heard(self, record: shapes.Heard) -> None:
        self._beside.now = record.at
        stream = self.streams.get(record.stream)
        if stream is None or record.new:
            stream = Stream(
                "" if record.new else self._beside.elsewhere or self._beside.unheard(record.stream)
            )
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
            self._beside.expect(told.stream, opening, expected)

        self._judge.hear(stream, facts, told.at, expect)

    def _ended(self, record: shapes.Ended) -> None:
        self._beside.now = record.at
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
                self._beside.expect(record.stream, task.opening, expected)
                if required:
                    self._judge.say(stream, task, allowed[0])
            elif (
                said.basis != names.PROVEN
                and not task.spanned
                and death_proves(said.rule, task, stream)
            ):
                proven = confirmed(said, stream)
                expected = Expected([proven], cites_of(stream, task), said)
                self._beside.expect(record.stream, task.opening, expected)
                self._judge.say(stream, task, proven)

    def _alive(self, record: shapes.Alive) -> None:
        self._beside.now = record.at
        for name in record.streams:
            stream = self.streams.get(name)
            if stream is not None:
                stream.vouched_at = record.at

    def _spool_gone(self, record: shapes.SpoolGone) -> None:
        self._beside.now = record.at
        stream = self.streams.get(record.stream)
        if stream is not None and not (stream.lock_fell_at or stream.spool_gone_at):
            stream.spool_gone_at = record.at

    def _records_lost(self, record: shapes.RecordsLost) -> None:
        self._beside.now = record.at
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
                    self._beside.overdue(name, stream, task)

    def _commit(self, record: shapes.Commit) -> None:
        sums = self._beside.sums
        sums.scheduled, sums.rolled_up = self._judge.scheduled, self._judge.rolled_up
        sums.compare(record.totals, self._beside.where, whole=False)

    def _pruned(self, record: shapes.Pruned) -> None:
        self._report.pruned_to = max(self._report.pruned_to, record.up_to)

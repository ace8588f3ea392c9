"""A journal verified from its first record to its last."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.files import segments_in
from afterword_sidecar.verifying.deriving import Derivation
from afterword_sidecar.verifying.findings import Problem, Report
from afterword_sidecar.verifying.kept import Kept, Letters, compare_streams
from afterword_sidecar.verifying.reading import Gap, Reader, Taken

_PROGRESS_RECORDS: Final = 5_000


class Verification:
    """One pass over a journal; ``kept`` is the book to compare it with, if it can be read."""

    def __init__(
        self,
        directory: Path,
        kept: Kept | None = None,
        progress: Callable[[int], None] = lambda _bytes: None,
    ) -> None:
        """``progress`` is told now and then how many bytes are read."""
        self._directory, self._kept, self._progress = directory, kept, progress
        self.report = Report()
        self._letters = None if kept is None else Letters(kept)
        self._derivation = Derivation(self.report, self._letters)
        self._reader = Reader(self.report)
        self._anchor: shapes.Pruned | None = None
        self._known = False
        """The record that the book remembers has been met."""
        self._beyond = 0
        """Records and commits after it."""
        self._commits_beyond = 0

    def run(self) -> Report:
        """Verify. Raises ``OSError``."""
        group: list[Taken | Gap] = []
        for event in self._events():
            group.append(event)
            if isinstance(event, Taken) and isinstance(event.record, shapes.Commit):
                self._commit(group)
                group = []
        self._tail(group)
        self._derivation.end()
        self._check_beginning()
        if self._kept is not None and self._letters is not None:
            self._compare(self._kept, self._letters)
        return self.report

    def _events(self) -> Iterator[Taken | Gap]:
        for event in self._reader.read(segments_in(self._directory)):
            if self.report.records % _PROGRESS_RECORDS == 0:
                self._progress(self.report.size_bytes)
            yield event

    def _commit(self, group: list[Taken | Gap]) -> None:
        """What became durable together, unless the book knows nothing of it."""
        last = group[-1]
        if self._kept is not None and isinstance(last, Taken):
            mark = self._kept.mark
            if last.mark.number > mark.number:
                self._beyond += len(group)
                self._commits_beyond += 1
                return
            if last.mark == mark:
                self._known = True
            elif last.mark.number == mark.number:
                what = "the book remembers another record here: the journal was written anew"
                self.report.tell(Problem("altered", str(last.position), what))
                self._known = True
        for event in group:
            if isinstance(event, Gap):
                self._derivation.gap(event)
                continue
            if isinstance(event.record, shapes.Pruned):
                self._anchor = event.record
            self._derivation.take(event)
            self.report.last = event.position.number

    def _tail(self, group: list[Taken | Gap]) -> None:
        """What follows the last commit was not committed, or not yet."""
        left = self._beyond + len(group)
        if self._commits_beyond > 1:
            what = f"{left} records of {self._commits_beyond} commits that the book never made"
            self.report.tell(Problem("inserted", "the end of the journal", what))
        elif left or self._reader.torn:
            torn = f" and {self._reader.torn} bytes of another" if self._reader.torn else ""
            self.report.notes.append(
                f"{left} records{torn} at the end belong to a commit that was not made (yet)"
            )

    def _check_beginning(self) -> None:
        """A beginning that retention took is known; any other is missing."""
        first = self._reader.first
        if first is None or first.number == 1:
            return
        pruned_to, anchor = self.report.pruned_to, self._anchor
        if first.number - 1 > pruned_to:
            what = f"records {pruned_to + 1} to {first.number - 1} are not there"
            if pruned_to:
                what += f"; retention has taken those up to {pruned_to} only"
            self.report.tell(Problem("missing", "the beginning of the journal", what))
            return
        is_anchor = anchor is not None and anchor.up_to == first.number - 1
        if anchor is not None and is_anchor and anchor.digest != first.previous:
            what = "its first record does not follow the last one that retention took"
            self.report.tell(Problem("altered", "the beginning of the journal", what))
        self.report.notes.append(f"retention has taken the records up to {first.number - 1}")

    def _compare(self, kept: Kept, letters: Letters) -> None:
        report = self.report
        report.compared_with = kept.book
        if report.book and report.book != kept.book:
            what = f"this is the journal of book {report.book}, not of {kept.book}"
            report.tell(Problem("book", "the book", what))
            return
        if kept.mark.number > report.last and not self._known:
            what = f"the book remembers record {kept.mark.number}; the journal ends before it"
            report.tell(Problem("missing", "the end of the journal", what))
        derived = self._derivation
        derived.compare_totals(kept.totals)
        letters.compare(report, whole=derived.whole)
        if kept.mark.number == report.last:
            whole = derived.whole and not report.problem_counts
            compare_streams(kept.streams, derived.streams, report, whole=whole)

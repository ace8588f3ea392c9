"""Dead letters: every task that did not complete, and how many of them wait for somebody."""

from msgspec.structs import replace

from afterword import names
from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.records import (
    DeadLetter,
    DeadLetterRow,
    SettledTask,
    TaskKey,
)
from afterword_sidecar.ledger.totals import Totals

LetterLabels = tuple[str, str, str]
"""(service, task, outcome), as labels."""


class Letters:
    """What is to be written of dead letters with the next commit, and the count of open ones."""

    __slots__ = ("_rows", "_totals", "open_counts")

    def __init__(self, counted: Totals, open_counts: dict[LetterLabels, int]) -> None:
        self._totals = counted
        self._rows: dict[TaskKey, DeadLetterRow] = {}
        self.open_counts = dict(open_counts)

    def bury(self, settled: SettledTask, payload: str | None, now: float) -> None:
        """A task was lost: keep it. A replay is an attempt at its letter, not a second letter."""
        if not is_letter(settled):
            return
        self._write(settled, payload)
        self._count(settled, 1)
        self._totals.add(totals.BURIED, _labels(settled), now)

    def revise(self, before: SettledTask, after: SettledTask, now: float) -> None:
        """The verdict on a task changed, or grew surer."""
        if not is_letter(before):
            self.bury(after, None, now)
            return
        self._count(before, -1)
        if is_letter(after):
            self._count(after, 1)
            self._write(after, None)
        else:
            self._write(after, None, closed_at=now)

    def attach(self, settled: SettledTask, payload: str | None) -> None:
        """The opening of a task that was buried without it has come; its texts are the store's."""
        earlier = self._rows.get(settled.key)
        if earlier is not None:
            settled = with_texts(settled, earlier.letter.settled)
        self._write(settled, payload)
        if earlier is None:
            self._rows[settled.key].keeps_texts = True

    def forget(self, labels: LetterLabels, count: int) -> None:
        """Retention has taken ``count`` open letters."""
        left = self.open_counts.get(labels, 0) - count
        if left > 0:
            self.open_counts[labels] = left
        else:
            self.open_counts.pop(labels, None)

    def drain(self) -> list[DeadLetterRow]:
        """The rows to write, newest version of each."""
        rows = list(self._rows.values())
        self._rows.clear()
        return rows

    def _write(
        self, settled: SettledTask, payload: str | None, closed_at: float | None = None
    ) -> None:
        earlier = self._rows.get(settled.key)
        if payload is None and earlier is not None:
            payload = earlier.payload
        self._rows[settled.key] = DeadLetterRow(DeadLetter(settled, closed_at), payload)

    def _count(self, settled: SettledTask, difference: int) -> None:
        self.forget(_labels(settled), -difference)


def without_texts(settled: SettledTask) -> SettledTask:
    """``settled`` without what only a reader needs, and which can be long."""
    return replace(settled, exception_message="", exception_stacktrace="")


def with_texts(settled: SettledTask, earlier: SettledTask) -> SettledTask:
    """``settled`` with the texts of the same ending in an earlier version."""
    return replace(
        settled,
        exception_message=earlier.exception_message,
        exception_stacktrace=earlier.exception_stacktrace,
    )


def is_letter(settled: SettledTask) -> bool:
    """True if the task is lost, and is not the replay of one that is."""
    replay = settled.opening.notes.replay_of or settled.opening.series.origin == names.ORIGIN_REPLAY
    return settled.verdict.outcome != names.COMPLETED and not replay


def _labels(settled: SettledTask) -> LetterLabels:
    series = settled.opening.series
    return (series.service, series.task, settled.verdict.outcome)

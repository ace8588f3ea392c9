"""What the book itself holds, to be compared with its journal: a removed verdict shows here."""

import msgspec

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.chain import Mark
from afterword_sidecar.verifying.expecting import Key
from afterword_sidecar.verifying.findings import Problem, Report

Words = tuple[str, str, str, int, float]
"""(outcome, reason, basis, rule, pronounced at)."""


class Kept(msgspec.Struct):
    """A book, read from where it is kept."""

    book: str
    mark: Mark
    totals: dict[str, float]
    letters: dict[Key, Words]
    """Every dead letter's verdict."""


class Letters:
    """Dead letters beside the verdicts that made them. Holds what the book holds, and no more."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept.letters
        self._said: dict[Key, Words] = {}
        self._absent: set[Key] = set()

    def said(self, key: Key, verdict: shapes.Verdict) -> None:
        """The latest of a task."""
        if key in self._kept:
            self._said[key] = _words(verdict)
        elif verdict.outcome != names.COMPLETED and not verdict.replay:
            self._absent.add(key)

    def forgotten(self, key: Key) -> None:
        """Retention took it."""
        self._absent.discard(key)
        self._said.pop(key, None)

    def compare(self, report: Report, *, whole: bool) -> None:
        """At the end of the journal. ``whole``: it has all that the book ever said."""
        for key, kept in self._kept.items():
            said = self._said.get(key)
            if said is None and whole:
                self._tell(report, key, f"a dead letter ({_show(kept)}) that no verdict made")
            elif said is not None and said != kept:
                self._tell(report, key, f"the book says {_show(kept)}, the journal {_show(said)}")
        for key in sorted(self._absent):
            self._tell(report, key, "a lost task that is not among the dead letters")

    @staticmethod
    def _tell(report: Report, key: Key, what: str) -> None:
        report.tell(Problem("book", "the book", what, f"{key[0]}-{key[1]}"))


def _words(verdict: shapes.Verdict) -> Words:
    return (verdict.outcome, verdict.reason, verdict.basis, verdict.rule, verdict.at)


def _show(words: Words) -> str:
    return f"{'/'.join(words[:3])} by rule {words[3]}"

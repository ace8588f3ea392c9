"""What the book itself holds, to be compared with its journal: a removed verdict shows here."""

import msgspec

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.journal.chain import Mark
from afterword_sidecar.verifying.expecting import Key
from afterword_sidecar.verifying.findings import Problem, Report
from afterword_sidecar.verifying.known import Stream

Words = tuple[str, str, str, int, float]
"""(outcome, reason, basis, rule, pronounced at)."""


class KeptStream(msgspec.Struct, frozen=True):
    """What a book has of a stream."""

    highest: int
    """The greatest number it knows to have been given."""
    open_tasks: int


class Kept(msgspec.Struct):
    """A book, read from where it is kept."""

    book: str
    mark: Mark
    totals: dict[str, float]
    letters: dict[Key, Words]
    """Every dead letter's verdict."""
    streams: dict[str, KeptStream]
    """All that are not forgotten."""


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


def compare_streams(
    kept: dict[str, KeptStream], heard: dict[str, Stream], report: Report, *, whole: bool
) -> None:
    """Those of a book with those that its journal has ``heard``, but for what is in doubt."""
    for name, stream in heard.items():
        here = KeptStream(stream.heard.highest, sum(t.said is None for t in stream.tasks.values()))
        there = kept.get(name)
        if stream.doubt or here == there:
            continue
        has = "does not know it" if there is None else f"has {_held(there)}"
        what = f"stream {name}: the book {has}, the journal has {_held(here)}"
        report.tell(Problem("book", "the book", what))
    for name in kept.keys() - heard.keys() if whole else ():
        what = f"stream {name}: the book knows it, and the journal never heard of it"
        report.tell(Problem("book", "the book", what))


def _held(stream: KeptStream) -> str:
    return f"{stream.open_tasks} open tasks and records up to no. {stream.highest}"


def _words(verdict: shapes.Verdict) -> Words:
    return (verdict.outcome, verdict.reason, verdict.basis, verdict.rule, verdict.at)


def _show(words: Words) -> str:
    return f"{'/'.join(words[:3])} by rule {words[3]}"

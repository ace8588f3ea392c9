"""What is told of a test that was killed at every await. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from afterword.testing.killing.judging import Cut

_HEAD: Final = ("#", "task", "awaiting", "before the cut", "lost", "repeated")
_EXPLAINED: Final = (
    "lost: neither before the cut nor when the tasks cut off were run again from their payloads",
    "repeated: once before the cut and once more after it; if that does no harm, say so:",
    '          deferred_effects.record("…", idempotent=True)',
)


class Tested(NamedTuple):
    """All cuts of one test."""

    cuts: tuple[Cut, ...]
    points: int
    """How many suspension points there are; more than cuts where the marker sets a bound."""

    @property
    def is_harmful(self) -> bool:
        """Whether the test fails."""
        return any(cut.is_harmful for cut in self.cuts)


def headline(tested: Tested) -> str:
    """One sentence."""
    harmful = sum(cut.is_harmful for cut in tested.cuts)
    tried = len(tested.cuts)
    bound = f" (the first {tried} of {tested.points}: at_most)" if tried < tested.points else ""
    verdict = f"{harmful} lose or repeat effects" if harmful else "nothing lost or repeated"
    return f"killed at {tried} suspension points{bound}: {verdict}"


def table(tested: Tested) -> list[str]:
    """Lines: a row for each suspension point, and below it what else is to be said of it."""
    rows = [_row(cut) for cut in tested.cuts]
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    lines = [_line(_HEAD, widths)]
    for cut, row in zip(tested.cuts, rows, strict=True):
        lines.append(_line(row, widths))
        lines.extend(f"{'':{widths[0]}}  ! {remark}" for remark in _remarks(cut))
    return lines


def explanation(tested: Tested) -> str:
    """Why the test failed."""
    return "\n".join([headline(tested), "", *table(tested), "", *_EXPLAINED])


def _row(cut: Cut) -> tuple[str, ...]:
    effects = (_listed(cut.before), _listed(cut.lost), _listed(cut.repeated))
    return (str(cut.number), cut.task, cut.where, *effects)


def _remarks(cut: Cut) -> Iterable[str]:
    yield from cut.problems
    if cut.unexpected:
        yield f"not in the uncut run: {_listed(cut.unexpected)}"


def _listed(effects: Sequence[str]) -> str:
    return ", ".join(effects) or "-"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()

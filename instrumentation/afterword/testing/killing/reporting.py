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
    effects: int
    """How many effects the tasks of the uncut run have."""


def complaint(tested: Tested) -> str:
    """Why the test fails; empty if it does not. A test that proves nothing fails too."""
    if not tested.points:
        return (
            "no deferred task of this test was ever suspended, so nothing could be cut off; "
            "let its fakes give way as the real thing does (await asyncio.sleep(0))"
        )
    if not tested.effects:
        return (
            "no deferred task of this test had an effect, so nothing could be lost or repeated; "
            'let its fakes tell theirs: deferred_effects.record("charged", order_id)'
        )
    if any(cut.is_harmful for cut in tested.cuts):
        return "\n".join([headline(tested), "", *table(tested), "", *_EXPLAINED])
    return ""


def headline(tested: Tested) -> str:
    """One sentence."""
    tried = len(tested.cuts)
    points = f"{tried} suspension point{'' if tried == 1 else 's'}"
    bound = f" (the first of {tested.points}: at_most)" if tried < tested.points else ""
    harmful = sum(cut.is_harmful for cut in tested.cuts)
    verdict = f"effects lost or repeated at {harmful}" if harmful else "nothing lost or repeated"
    return f"killed at {points}{bound}, {verdict}"


def table(tested: Tested) -> list[str]:
    """Lines: a row for each suspension point, and below it what else is to be said of it."""
    rows = [_row(cut) for cut in tested.cuts]
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    lines = [_line(_HEAD, widths)]
    for cut, row in zip(tested.cuts, rows, strict=True):
        lines.append(_line(row, widths))
        lines.extend(f"{'':{widths[0]}}  ! {remark}" for remark in _remarks(cut))
    return lines


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

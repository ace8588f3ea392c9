"""Was each verdict in time: not before the truth allows it, and not long after? Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from worlds.faults.entries import Entry, Pronounced
from worlds.faults.fault import EXPIRED, OVERDUE, Expected

SLACK_SECONDS: Final = 6.0
"""What a machine under heavy load may add to a promise. A delay of the product's own that is longer
is seen; a shorter one in the column of the slowest verdicts only."""
CLOCK_SECONDS: Final = 0.001
"""Times in the book are cut to microseconds, and a float has not all of those."""


def amiss(expected: Expected, entry: Entry, held_up_until: float) -> str:
    """Whether one of its verdicts came too early, or the one that stands too late; empty if not.

    ``held_up_until``: before this, evidence of it may not have arrived.
    """
    for each in _pronounced(entry):
        if each.verdict[:2] in {OVERDUE, EXPIRED}:
            early = (expected.due_at or 0.0) - each.at
            if early > CLOCK_SECONDS:
                return f"{each.verdict} {early:.2f} s before its time was over"
    if expected.sealed_at is None:
        return ""
    for letter in entry.letters:
        if not letter.is_open:
            continue
        if letter.pronounced_at < expected.sealed_at - CLOCK_SECONDS:
            early = expected.sealed_at - letter.pronounced_at
            return f"{letter.verdict} {early:.2f} s before that was so"
        due = max(expected.sealed_at, held_up_until) + expected.promise_seconds
        if letter.pronounced_at > due + SLACK_SECONDS:
            late = letter.pronounced_at - due
            return f"{letter.verdict} {late:.2f} s later than is promised"
    return ""


def slowest(expected: Mapping[int, Expected], book: Mapping[int, Entry]) -> float | None:
    """The longest time from a fate to the verdict on it, of those that did not complete."""
    return max(_times_to_verdict(expected, book), default=None)


def _pronounced(entry: Entry) -> Iterator[Pronounced]:
    """Every verdict that its letters tell of. A closed one's last is that it completed."""
    for letter in entry.letters:
        yield from letter.earlier
        yield Pronounced(letter.verdict, letter.pronounced_at)


def _times_to_verdict(
    expected: Mapping[int, Expected], book: Mapping[int, Entry]
) -> Iterator[float]:
    for number, each in expected.items():
        if each.sealed_at is None or number not in book:
            continue
        for letter in book[number].letters:
            if letter.is_open:
                yield letter.pronounced_at - each.sealed_at

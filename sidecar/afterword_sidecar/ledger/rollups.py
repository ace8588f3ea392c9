"""What a rollup tells that is news. Pure.

It stands for tasks whose records never left, so all its numbers are new. Should some be known all
the same (a batch whose answer was lost, and that was rolled up when it came back), no task may be
counted twice: those that are open here end as it says; of the rest, as many are new as the unknown
numbers make up, since tasks that ended alike have about as many records each.
"""

from bisect import bisect_left

from afterword_sidecar.ledger.facts import Rollup, Settled
from afterword_sidecar.ledger.streams import Stream


def take(stream: Stream, fact: Rollup) -> tuple[list[int], int]:
    """Take note of its numbers.

    Returns the openings known here whose end it tells, and how many tasks are new beside them.
    """
    told = sum(high - low + 1 for low, high in fact.ranges)
    new = sum(stream.seen.see_range(low, high) for low, high in fact.ranges)
    if new == told:
        return [], fact.count
    known = sorted(
        opening
        for openings in (stream.open, stream.fresh, stream.amendable)
        for opening in openings
        if _lies_in(fact, opening)
    )[: fact.count]
    records_each = told / fact.count
    of_known = sum(records_each - _records_of(stream, opening) for opening in known)
    others = round(max(0.0, new - of_known) / records_each)
    return known, min(fact.count - len(known), others)


def closing_of(fact: Rollup, opening: int) -> Settled:
    """The closing of one task that it stands for."""
    return Settled(
        sequence=fact.sequence,
        opening_sequence=opening,
        at=fact.at,
        task=fact.task,
        outcome=fact.outcome,
        reason=fact.reason,
        platform=fact.platform,
        origin=fact.origin,
        rolled_up=True,
    )


def _lies_in(fact: Rollup, number: int) -> bool:
    """Whether it stands for this number; its ranges ascend, and may be as many as the tasks."""
    at = bisect_left(fact.ranges, number, key=_last)
    return at < len(fact.ranges) and fact.ranges[at][0] <= number


def _last(numbers: tuple[int, int]) -> int:
    return numbers[1]


def _records_of(stream: Stream, opening: int) -> int:
    """How many records of a known task came by themselves: its opening, perhaps its start."""
    task = stream.open.get(opening) or stream.fresh.get(opening)
    if task is None:
        task = stream.amendable[opening].opening
    return 2 if task.started_sequence else 1

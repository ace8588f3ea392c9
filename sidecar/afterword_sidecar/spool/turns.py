"""Whose turn it is to be read, and how much of it. Pure.

The shortest backlog goes first, so that a death or a fresh record never waits behind a long one;
half of every group goes to whoever has waited longest, so that a long one is never starved.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

STREAMS_PER_GROUP: Final = 1024
"""So many streams at most share a group, however little each has to tell."""


class Waiting(NamedTuple):
    """A stream with unread bytes."""

    unread: int
    """Bytes, at least 1."""
    served: int
    """The number of the group it was last read for; 0 if never."""


def share(waiting: Sequence[Waiting], *, budget: int, quantum: int) -> list[tuple[int, int]]:
    """Divide ``budget`` bytes among ``waiting``: (index, bytes) in the order of reading.

    No stream gets more than ``quantum`` of the half that goes by waiting time.
    """
    grants: dict[int, int] = {}
    left = budget // 2
    for index in _first(waiting, lambda each: (each.unread, each.served)):
        if waiting[index].unread > left:
            break
        grants[index] = waiting[index].unread
        left -= waiting[index].unread
    left += budget - budget // 2
    for index in _first(waiting, lambda each: (each.served, each.unread)):
        more = min(waiting[index].unread - grants.get(index, 0), quantum, left)
        if more:
            grants[index] = grants.get(index, 0) + more
            left -= more
    return list(grants.items())


def _first(waiting: Sequence[Waiting], key: Callable[[Waiting], tuple[int, int]]) -> list[int]:
    """The indices of those that come first by ``key``, at most ``STREAMS_PER_GROUP`` of them."""
    order = range(len(waiting))
    return heapq.nsmallest(STREAMS_PER_GROUP, order, key=lambda index: key(waiting[index]))

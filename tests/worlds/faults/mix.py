"""What the tasks of a row do: a seeded mix in which every kind occurs."""

import random
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from typing import Final

ENDING: Final = ("complete", "fail", "time_out", "raise_timeout", "cancel")
"""Kinds that end by themselves within moments."""
WAITING: Final = ("wait", "wait_and_fail")
"""Kinds that end when they are released: they complete, or they fail."""
FOREVER: Final = ("hang",)
"""They never end."""

Mix = dict[int, str]


def mix(numbers: Iterable[int], kinds: Sequence[str], seed: int) -> Mix:
    """A kind for each number: all kinds equally often, in an order of the seed's."""
    numbers = list(numbers)
    dealt = list(islice(cycle(kinds), len(numbers)))
    random.Random(seed).shuffle(dealt)
    return dict(zip(numbers, dealt, strict=True))

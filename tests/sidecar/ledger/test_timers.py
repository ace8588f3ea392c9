"""The wheel: nothing is missed, and stale entries do not pile up."""

import random

from hypothesis import given
from hypothesis import strategies as st

from afterword_sidecar.ledger.timers import Wheel

ENTRIES = st.lists(st.tuples(st.floats(0, 700_000), st.booleans()), min_size=1, max_size=60)


@given(ENTRIES)
def test_every_entry_comes_up_and_none_late(entries: list[tuple[float, bool]]) -> None:
    """Re-adding what comes up early, each live entry is seen within a second of its time."""
    moments = {number: at for number, (at, _) in enumerate(entries)}
    live = set(moments)
    buckets: dict[int, int] = {}
    wheel: Wheel[str] = Wheel(lambda _o, n, second: n in live and buckets[n] == second)
    for number, at in moments.items():
        buckets[number] = wheel.add(at, "o", number, 0.0)
    for number, (_, closes) in enumerate(entries):
        if closes:
            live.remove(number)
            wheel.discard(buckets[number])
    expected, seen = set(live), set()
    while (now := wheel.next_second()) is not None:
        for _, number in wheel.take_due(now, 7):
            if number not in live:
                continue
            if now >= moments[number]:
                assert now - moments[number] <= 1
                seen.add(number)
                live.remove(number)
            else:
                buckets[number] = wheel.add(moments[number], "o", number, now)
    assert seen == expected


def test_stale_entries_are_swept_while_their_time_is_far_off() -> None:
    """A hundred thousand tasks through a hundred open ones leave few entries behind."""
    rng = random.Random(1)
    open_tasks: dict[int, int] = {}
    wheel: Wheel[str] = Wheel(lambda _o, n, second: open_tasks.get(n) == second)
    for number in range(100_000):
        open_tasks[number] = wheel.add(rng.uniform(60, 600_000), "o", number, 0.0)
        if number >= 100:
            wheel.discard(open_tasks.pop(number - 100))
    assert len(wheel) < 100 * 2 + 8 * 700


def test_a_million_timers_at_once_are_taken_in_pieces() -> None:
    """However many come up together, each call gives a bounded number, and none is lost."""
    wheel: Wheel[str] = Wheel(lambda *_: True)
    for number in range(1, 10_001):
        wheel.add(5000.0, "o", number, 0.0)
    pieces = []
    while wheel.next_second() is not None:
        pieces.append([number for _, number in wheel.take_due(5000.0, 3000)])
    assert [len(piece) for piece in pieces] == [3000, 3000, 3000, 1000]
    assert sorted(number for piece in pieces for number in piece) == list(range(1, 10_001))

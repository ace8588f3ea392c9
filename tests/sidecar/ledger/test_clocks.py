"""Clocks that are off, clocks that are set, and delays that look like either."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from afterword_sidecar.ledger import clocks
from afterword_sidecar.ledger.clocks import Shown, shown_by
from afterword_sidecar.ledger.facts import Fact, Instance, Rollup, Source
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Cited, StreamState
from worlds.desk import SHOP, START, Desk, opening

STEP = 5.0
"""What a clock must move by to count as set."""
HOUR = 3600.0
FOREIGN = Source(b"F" * 24, "shop")


def beat(number: int, at: float, lease: float | None = None) -> Instance:
    return Instance(number, at, "beat", lease_seconds=lease)


def rollup(number: int, at: float) -> Rollup:
    return Rollup(number, at, "send_receipt", "completed", "completed", 1, ((number, number + 1),))


def after(state: StreamState, at: float, offset: float, *, ahead: bool = True) -> StreamState:
    """The state once a batch that was received ``at`` then has shown this offset."""
    return clocks.after(state, at, Shown(at - offset, ahead), Limits())


def shown(*offsets: float, every: float = 1.0) -> StreamState:
    """A stream whose batches showed these offsets."""
    state = StreamState(SHOP)
    for number, offset in enumerate(offsets):
        state = after(state, START + number * every, offset)
    return state


# What a batch shows.


BACK = (beat(1, START + 9), beat(2, START), beat(3, START + 1))
DISCIPLINED = (beat(1, START + 9), beat(2, START + 4), beat(3, START + 10))


@pytest.mark.parametrize(
    ("facts", "newest_at", "highest", "expected"),
    [
        ([beat(1, START), beat(2, START + 1)], 0.0, 0, Shown(START + 1, True)),
        ([beat(2, START + 1), beat(1, START)], 0.0, 0, Shown(START + 1, True)),
        ([beat(2, START + 4)], START + 9, 1, Shown(START + 4, True)),
        ([beat(2, START + 3)], START + 9, 1, Shown(START + 3, True, START + 9)),
        ([beat(2, START + 3)], START + 9, 2, Shown(START + 3, False)),
        ([beat(3, START + 1), beat(1, START)], START, 2, Shown(START + 1, True)),
        (BACK, 0.0, 0, Shown(START + 1, True, START + 9)),
        (BACK[::-1], 0.0, 0, Shown(START + 1, True, START + 9)),
        ([beat(1, START), beat(2, START + 9)], 0.0, 0, Shown(START + 9, True)),
        ([beat(1, START), beat(2, START + 9)], START + 30, 2, Shown(START + 9, False)),
        (DISCIPLINED, 0.0, 0, Shown(START + 10, True)),
        ([beat(1, START), rollup(2, START + 60)], 0.0, 0, Shown(START, True)),
        ([rollup(2, START + 60), beat(5, START + 1)], START, 1, Shown(START + 1, True)),
        ([rollup(9, START)], START + 60, 1, None),
        ([beat(1, START), rollup(9, START)], START, 1, Shown(START, False)),
    ],
    ids=[
        "the newest",
        "the newest, not the last",
        "disciplined",
        "set back",
        "overtaken",
        "the greatest number need not be the last",
        "set back within it",
        "set back within it, out of order",
        "long",
        "long and overtaken",
        "disciplined within it",
        "a rollup is newer than its number",
        "and shows no clock set back",
        "rollups alone",
        "nor is a rollup's number the greatest",
    ],
)  # fmt: skip
def test_a_batch_is_read_in_the_order_of_its_numbers(
    facts: Sequence[Fact], newest_at: float, highest: int, expected: Shown | None
) -> None:
    """Its newest time counts, by the clock as it is set at its end."""
    assert shown_by(facts, newest_at, highest) == expected


# The offset in force.


def test_the_least_offset_of_the_window_stands() -> None:
    """It is found again when what was less is too old; what was more is forgotten."""
    state = shown(2.0, 1.0, 3.0)
    assert (state.offset_seconds, len(state.offset_window)) == (1.0, 2)
    later = START + 1 + Limits().offset_window_seconds
    assert after(state, later, 4.0).offset_seconds == 1.0
    assert after(state, later + 0.5, 4.0).offset_seconds == 3.0


def test_few_candidates_are_kept() -> None:
    """The least and the newest: the rest would only make the estimate less patient."""
    offsets = [float(number) for number in range(30)]
    assert [offset for _, offset in shown(*offsets).offset_window] == [0.0, *offsets[13:]]
    assert shown(1.0, 3.0, 1.0).offset_window == ((START + 2, 1.0),)


def test_an_offset_that_is_shown_again_is_as_young_as_that() -> None:
    """The least of ten minutes is not forgotten ten minutes after it was first the least."""
    again = START + Limits().offset_window_seconds
    state = after(shown(1.0), again, 1.0)
    assert after(state, again + 1, 60.0, ahead=False).offset_seconds == 1.0


def test_the_newest_time_is_of_what_was_not_overtaken() -> None:
    """Nor does it fall, unless the clock was set back."""
    state = after(StreamState(SHOP), START, 0.0)
    assert after(state, START + 9, 0.0).newest_at == START + 9
    assert after(state, START + 9, 8.0, ahead=False).newest_at == START
    assert after(state, START + 1, 3.0).newest_at == START
    back = clocks.after(state, START, Shown(START - 9, True, START), Limits())
    assert back.newest_at == START - 9


# Clocks that were set.


@pytest.mark.parametrize(
    ("offsets", "every", "before"),
    [
        ((10.0, 10.0, 10.0, 10.0 - STEP), 2.5, ()),
        ((10.0, 10.0, 10.0, 4.0), 2.5, (10.0,)),
        ((10.0, 10.25, 10.25, 4.0), 2.5, (10.0,)),
        ((10.0, 9.75, 9.75, 3.0), 2.5, (9.75,)),
        ((10.0, 10.0, 10.0, 4.0), 2.4, ()),
        ((10.0, 10.0, 4.0), 9.0, ()),
        ((10.0, 10.6, 10.6, 4.0), 2.5, ()),
        ((10.0, 9.4, 9.4, 3.0), 2.5, ()),
        ((10.0, 10.0, 10.0, 13.0), 2.5, ()),
        ((10.0, 4.0), 5.0, ()),
        ((10.0, 12.0, 10.25, 10.25, 4.0), 2.0, (10.0,)),
        ((10.0, 10.0, 10.0, 10.6, 4.0), 2.4, ()),
        ((10.0, 10.0, 10.0, 10.0, 4.0), 2.0, (10.0,)),
        ((10.0, 10.5, 10.5, 4.0), 2.5, (10.0,)),
        ((10.0, 9.5, 9.5, 3.0), 2.5, (9.5,)),
        ((10.0, 10.0 - Limits().stream_retention_seconds), 1.0, ()),
        ((10.0, 9.0 - Limits().stream_retention_seconds), 1.0, (10.0,)),
        ((10.0, 4.0), -5.0, ()),
        ((10.0, 4.0), -6.0, (10.0,)),
    ],
    ids=[
        "disciplined",
        "shown for long",
        "nearly the same",
        "nearly the same, and less",
        "shown for a moment",
        "shown twice",
        "not the same",
        "not the same, and less",
        "a delay",
        "shown once",
        "shown again",
        "not shown again",
        "shown since",
        "just the same",
        "just the same, and less",
        "the greatest delay",
        "greater than any delay",
        "the sidecar's, disciplined",
        "the sidecar's, set back",
    ],
)
def test_a_clock_was_put_forward_if_what_it_showed_before_was_no_delay(
    offsets: tuple[float, ...], every: float, before: tuple[float, ...]
) -> None:
    """Shown for a while, or more than a delay can be; or the sidecar's own was put back."""
    state = shown(*offsets, every=every)
    assert tuple(known for _, known in state.clock_steps) == before
    assert state.offset_seconds == min(offsets)


def test_batches_that_come_together_show_an_offset_once() -> None:
    """Two deliveries, each after an outage, late by as much: chance, not a clock."""
    state = StreamState(SHOP)
    for at in (0.0, 0.5, 9.0, 9.5, 9.75):
        state = after(state, START + at, 10.0)
    assert (state.offset_shown, state.offset_showings) == ((START, START + 9), 2)
    assert after(state, START + 10, 0.0).clock_steps == ()
    state = after(state, START + 10, 10.0)
    assert [known for _, known in after(state, START + 11, 0.0).clock_steps] == [10.0]


def test_what_was_shown_until_the_clock_was_set_proves_nothing_of_what_came_then() -> None:
    """Each offset is to be shown for a while anew: one that is less, one after a step back."""
    state = shown(100.0, 100.0, 100.0, 60.0, 40.0, every=6.0)
    assert [known for _, known in state.clock_steps] == [100.0]
    state = clocks.after(state, START + 30, Shown(START - 90, True, START), Limits())
    assert after(state, START + 31, 4.0).clock_steps == state.clock_steps


def test_an_offset_that_is_in_force_again_is_to_be_shown_anew() -> None:
    """The least was too old, and the next is another: that it was shown once proves nothing."""
    state = shown(10.0, 10.0, every=5.0)
    state = after(state, START + 300, 40.0)
    state = after(state, START + 606, 50.0)
    assert (state.offset_seconds, state.offset_shown) == (40.0, (START + 300, START + 300))
    assert after(state, START + 607, 4.0).clock_steps == ()


@pytest.mark.parametrize(
    ("back_from", "before"), [(START + 9, -9.0), (START - 2, 0.0)], ids=["shown by it", "before"]
)
def test_a_clock_that_was_put_back_begins_anew(back_from: float, before: float) -> None:
    """The window of its offsets, too; in force before was what this batch or those before show."""
    state = clocks.after(shown(0.0), START, Shown(START - 20, True, back_from), Limits())
    assert state.clock_steps == ((START, before),)
    assert (state.offset_seconds, state.offset_window) == (20.0, ((START, 20.0),))
    first = clocks.after(StreamState(SHOP), START, Shown(START - 20, True, back_from), Limits())
    assert first.clock_steps == ((START, START - back_from),)


def test_what_a_clock_showed_before_it_was_put_back_is_not_its_offset() -> None:
    """A batch that was overtaken by one of the clock as it is now set changes nothing."""
    state = clocks.after(shown(0.0), START, Shown(START - HOUR, True, START), Limits())
    assert after(state, START + 1, 0.0, ahead=False) is state
    near = clocks.after(state, START + 1, Shown(START - HOUR + STEP, False), Limits())
    assert near.offset_seconds == HOUR - STEP + 1
    foreign = after(StreamState(FOREIGN), START, 9.0, ahead=False)
    assert after(foreign, START, 1.0, ahead=False).offset_seconds == 1.0


@pytest.mark.parametrize(
    ("offsets", "offset", "since"),
    [
        ((60.0, 60.0), 0.0, START),
        ((60.0, 60.0), 55.0, None),
        ((60.0, 60.0), 54.0, START),
        ((60.0, 60.0), 90.0, None),
        ((), 54.0, None),
        ((), -54.0, None),
    ],
    ids=["it ends", "nearly the same", "less", "more", "the first", "the first, ahead"],
)
def test_a_delay_was_taken_for_the_offset_since_it_was_shown(
    offsets: tuple[float, ...], offset: float, since: float | None
) -> None:
    """Until a batch shows less; what its clock was before it was set was none."""
    state = shown(*offsets)
    assert clocks.late_since(state, after(state, START + 9, offset)) == since
    known = shown(60.0, 60.0, 60.0, every=2.5)
    assert clocks.late_since(known, after(known, START + 9, 0.0)) is None


def test_few_steps_are_remembered() -> None:
    """The last four: whoever sets a clock a thousand times costs nothing."""
    offsets = [100.0 - 10 * (number // 3) for number in range(24)]
    steps = shown(*offsets, every=2.5).clock_steps
    assert [before for _, before in steps] == offsets[9:21:3]


def test_a_deadline_is_read_by_the_clock_that_gave_it() -> None:
    """No opening arrives before it is sent; of the clocks that are left, the nearest."""
    desk = Desk()
    desk.tell(opening(1, at=START))
    (task,) = desk.book.in_flight()

    def read(offset: float, *before: float, took: float) -> float:
        steps = tuple((START, known) for known in before)
        state = StreamState(SHOP, offset_seconds=offset, clock_steps=steps)
        return clocks.offset_for(state, replace(task, received_at=START + took))

    assert read(7.0, took=100.5) == 7.0
    assert read(7.0, 100.0, 50.0, took=100.5) == 100.0
    assert read(7.0, 100.0, 50.0, took=95.0) == 100.0
    assert read(7.0, 100.0, 50.0, took=94.9) == 50.0
    assert read(-HOUR, 0.0, took=-100.0) == -HOUR
    assert read(7.0, 100.0, took=1.9) == 7.0


# What becomes of tasks.


def settled(desk: Desk) -> list[int]:
    return [number for _, number in desk.settled]


@pytest.mark.parametrize("step", [HOUR, -HOUR, 56 * 365 * 86400.0])
def test_a_clock_that_is_set_moves_no_deadline(step: float) -> None:
    """Given by the old clock or by the new: each is read by the clock that gave it."""
    desk = Desk()
    desk.tell(opening(1, at=desk.now, deadline=desk.now + 30), same_clock=False)
    for number in (2, 3):
        desk.pass_time(3)
        desk.tell(beat(number, desk.now), same_clock=False)
    desk.pass_time(4)
    desk.tell(opening(4, at=desk.now + step, deadline=desk.now + step + 30), same_clock=False)
    desk.pass_time(19)
    assert desk.settled == {}
    desk.pass_time(4)
    assert settled(desk) == [1]
    desk.pass_time(6)
    assert settled(desk) == [1]
    desk.pass_time(4)
    assert settled(desk) == [1, 4]


def test_a_clock_that_is_set_back_within_a_batch_moves_no_deadline() -> None:
    """Of two openings that come together, each is read by its own."""
    desk = Desk()
    old, new = desk.now + HOUR, desk.now + 1
    desk.pass_time(1)
    first, second = opening(1, at=old, deadline=old + 30), opening(2, at=new, deadline=new + 60)
    desk.tell(first, second, same_clock=False)
    desk.pass_time(30)
    assert settled(desk) == []
    desk.pass_time(4)
    assert settled(desk) == [1]
    desk.pass_time(26)
    assert settled(desk) == [1]
    desk.pass_time(4)
    assert settled(desk) == [1, 2]


def test_a_batch_that_waited_out_an_outage_is_no_clock_that_was_set() -> None:
    """It came minutes late: that shows in its own offset, and the least one stands."""
    desk = Desk()
    desk.tell(opening(1, at=desk.now), same_clock=False)
    told_at = desk.now
    desk.pass_time(300)
    desk.tell(opening(2, at=told_at + 1, deadline=told_at + 20), same_clock=False)
    desk.pass_time(1)
    assert desk.verdict(2) == "timed_out/platform_deadline/inferred"


@pytest.mark.parametrize("late", [60.0, 700.0], ids=["the first", "after a long outage"])
def test_a_first_batch_that_was_late_puts_no_deadline_off(late: float) -> None:
    """The next comes in time: the verdict is that of its deadline, then, and not of a death after.

    The outage may have been longer than offsets are remembered.
    """
    desk = Desk()
    told_at = desk.now
    if late > 600:
        desk.tell(beat(1, told_at, 30.0), same_clock=False)
    deadline = told_at + late + 40
    desk.pass_time(late)
    desk.tell(opening(2, at=told_at, deadline=deadline), opening(3, at=told_at), same_clock=False)
    desk.pass_time(1)
    for number in range(4, 9):
        desk.tell(beat(number, desk.now, 30.0), same_clock=False)
        desk.pass_time(10)
    desk.pass_time(deadline + Limits().grace_seconds + 1 - desk.now)
    assert desk.verdict(2) == "timed_out/platform_deadline/inferred"
    assert settled(desk) == [2]


def test_only_what_came_with_a_delay_is_looked_at_anew() -> None:
    """Whoever was told before it is read by another offset; an end of a delay may cost little."""
    desk = Desk()
    desk.tell(opening(1, at=desk.now, deadline=desk.now + HOUR), same_clock=False)
    desk.pass_time(700)
    desk.tell(opening(2, at=desk.now - 60, deadline=desk.now + HOUR), same_clock=False)
    desk.pass_time(1)
    before = {task.sequence: task for task in desk.book.in_flight()}
    desk.tell(beat(3, desk.now), same_clock=False)
    now = {task.sequence: task for task in desk.book.in_flight()}
    assert now[1] is before[1]
    assert now[2].alarm_at < before[2].alarm_at


@pytest.mark.parametrize("grace", [0.0, 2.0])
def test_a_verdict_on_a_deadline_names_the_deadline(grace: float) -> None:
    """Also where no grace lies between it and the verdict."""
    desk = Desk(grace_seconds=grace)
    desk.tell(opening(1, at=desk.now, deadline=desk.now + 10), same_clock=False)
    due = desk.now + 10 + grace
    desk.pass_time(11 + grace)
    (task,) = desk.settled.values()
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"
    assert task.verdict.evidence[-1] == Cited("deadline", 0, due)


# The same, by the whole book: its checker reads clocks by rules of its own.


def due_after(desk: Desk, *, most: float) -> float:
    """How long it takes until a task is given up: within a second or two."""
    begun = desk.now
    while not desk.settled and desk.now - begun < most:
        desk.pass_time(1)
    return desk.now - begun


def test_the_newest_time_of_a_batch_counts_and_not_its_last() -> None:
    """A batch tells things in any order."""
    desk = Desk()
    at = desk.now
    desk.pass_time(4)
    desk.tell(opening(1, at=at + 4, deadline=at + 14), beat(2, at), same_clock=False)
    assert 12 <= due_after(desk, most=20) <= 14


def test_a_rollup_shows_no_clock() -> None:
    """It is as old as the last of its tasks, and has the number of any of them."""
    desk = Desk()
    at = desk.now
    desk.pass_time(60)
    desk.tell(opening(1, at=at, deadline=at + 100), rollup(30, desk.now), same_clock=False)
    assert 100 <= due_after(desk, most=120) <= 104


def test_a_batch_of_a_clock_that_was_set_back_meanwhile_hastens_nothing() -> None:
    """It was overtaken; what it shows was in force before."""
    desk = Desk()
    old = desk.now + HOUR
    desk.tell(beat(1, old), same_clock=False)
    desk.pass_time(1)
    now = desk.now
    desk.tell(opening(3, at=now, deadline=now + 60), beat(4, now), same_clock=False)
    desk.tell(beat(2, old + 0.5), same_clock=False)
    assert 60 <= due_after(desk, most=80) <= 64


@pytest.mark.parametrize(
    ("received_earlier", "put_forward", "waits"),
    [(0.0, HOUR, False), (10.0, HOUR, True), (0.0, 8 * 86400.0, True)],
    ids=["it may be a delay", "the sidecar's was set back", "greater than any delay"],
)
def test_a_clock_that_showed_itself_once(
    received_earlier: float, put_forward: float, *, waits: bool
) -> None:
    """Then an offset far below: a deadline given before is read by the old clock if it was one."""
    desk = Desk()
    desk.tell(opening(1, at=desk.now, deadline=desk.now + 60), same_clock=False)
    told_at, received_at = desk.now + 1 + put_forward, desk.now + 1 - received_earlier
    desk.pass_time(1)
    desk.tell(beat(2, told_at), same_clock=False, at=received_at)
    assert (due_after(desk, most=80) >= 55) == waits

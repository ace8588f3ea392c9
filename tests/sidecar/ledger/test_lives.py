"""Processes that live, fall silent, freeze, and die: what the book makes of each sign of life."""

from typing import Any

import pytest

from afterword_sidecar.ledger.facts import Instance, Pending, Rollup, Source
from afterword_sidecar.ledger.lives import LOOKS_AT_ONCE
from afterword_sidecar.ledger.records import Verdict
from worlds.desk import SHOP, START, Desk, closing, opening, start

LEASE_SECONDS = 30.0


@pytest.fixture
def desk() -> Desk:
    return Desk(longest_life_seconds=600)


def beat(sequence: int, settled: int = 0, state: str = "beat") -> Instance:
    return Instance(
        sequence, START, state, scheduled_total=1, settled_total=settled, lease_seconds=30.0
    )


def verdict_on(desk: Desk, number: int = 1) -> Verdict:
    return desk.settled[SHOP.stream, number].verdict


def test_a_task_that_its_process_vouches_for_runs_as_long_as_it_likes(desk: Desk) -> None:
    """Three longest lives under a lease without a false alarm, and a restart in between."""
    desk.tell(opening(1), beat(2, state="up"), same_clock=False)
    number = 3
    while desk.now < START + 3 * desk.limits.longest_life_seconds:
        desk.pass_time(10)
        desk.tell(beat(number), same_clock=False)
        number += 1
        if number == 100:
            desk.restart()
    desk.tell(closing(number, at=desk.now), same_clock=False)
    assert desk.verdict(1) == "completed/completed/observed"
    assert desk.total("amended") == 0


def test_a_lock_that_is_held_vouches_too(desk: Desk) -> None:
    """By spool nobody beats: the reader tells whose locks are held. Nobody's reader: it expires."""
    desk.tell(opening(1))
    for _ in range(4):
        desk.pass_time(desk.limits.longest_life_seconds / 2)
        desk.book.alive([SHOP.stream, b"unknown"], desk.now)
    assert desk.settled == {}
    desk.pass_time(desk.limits.longest_life_seconds + 1)
    assert desk.verdict(1) == "dropped/expired/inferred"
    assert verdict_on(desk).clock is not None


def test_a_process_does_not_vouch_for_a_task_whose_closing_is_missing(desk: Desk) -> None:
    """It beats, and says that more settled than arrived: lost telemetry, and no long task."""
    desk.tell(opening(1), beat(2, state="up"), same_clock=False)
    desk.tell(beat(4, settled=1), same_clock=False)
    for number in range(5, 80):
        desk.pass_time(10)
        desk.tell(beat(number, settled=1), same_clock=False)
    assert desk.verdict(1) == "unknown/evidence_lost/inferred"
    missing = verdict_on(desk).missing
    assert missing is not None
    assert (missing.first, missing.last, missing.numbers) == (3, 3, 1)
    assert (missing.settled_reported, missing.settled_arrived) == (1, 0)
    assert missing.reported_sequence == 4


def test_a_verdict_on_a_lapsed_lease_waits_while_the_process_beats_again(desk: Desk) -> None:
    """Frozen, then thawed and still at work: nothing irreversible, however long it goes on."""
    desk.tell(opening(1), beat(2, state="up"), same_clock=False)
    desk.pass_time(60)
    assert desk.verdict(1) == "dropped/instance_lost/inferred"
    assert verdict_on(desk).evidence[-1].kind == "lease_lapsed"
    for number in range(3, 103):
        desk.pass_time(10)
        desk.tell(beat(number), same_clock=False)
        assert not verdict_on(desk).final
    desk.tell(closing(103, at=desk.now), same_clock=False)
    assert desk.verdict(1) == "completed/completed/observed"
    assert desk.total("amended") == 1


def test_a_lapsed_lease_becomes_final_and_says_when(desk: Desk) -> None:
    """Of a process that stays silent, once the window is over; told to those who watch."""
    desk.tell(opening(1), beat(2, state="up"), same_clock=False)
    desk.pass_time(60)
    desk.pass_time(desk.limits.finality_seconds + 1)
    assert verdict_on(desk).final
    assert verdict_on(desk).final_at == desk.now
    assert [task.verdict.final for task in desk.changes.settled] == [True]


def test_a_goodbye_is_not_taken_back_by_a_beat_that_was_overtaken(desk: Desk) -> None:
    """The beat was told before the goodbye and came after it."""
    desk.tell(opening(1), beat(2, state="up"), same_clock=False)
    desk.tell(beat(4, state="down"), same_clock=False)
    desk.tell(beat(3), same_clock=False)
    desk.pass_time(5)
    assert desk.verdict(1) == "dropped/shutdown/inferred"
    assert [cited.kind for cited in verdict_on(desk).evidence] == [
        "deferred_task.scheduled",
        "deferred_task.instance",
    ]


def test_a_process_under_a_lease_may_take_its_time_to_stop(desk: Desk) -> None:
    """Told as pending at shutdown it is not given up after a minute, as its beat would end."""
    desk.tell(opening(1), beat(2, state="up"), Pending(3, 1, START, "shutdown"), same_clock=False)
    for number in range(4, 24):
        desk.pass_time(10)
        desk.tell(beat(number), same_clock=False)
    assert desk.settled == {}
    desk.pass_time(LEASE_SECONDS + 3)
    assert desk.verdict(1) == "dropped/shutdown/inferred"


_ROLLUP = Rollup(12, START, "mail", "completed", "completed", 1, ((6, 7),))


@pytest.mark.parametrize(
    ("lead_seconds", "told", "verdict"),
    [
        (1.0, True, "timed_out/platform_deadline/proven"),
        (1.0, False, "dropped/instance_lost/proven"),
        (0.0, False, "timed_out/platform_deadline/proven"),
    ],
)
def test_who_died_while_the_sidecar_was_away_died_when_the_guard_says(
    desk: Desk,
    lead_seconds: float,
    told: bool,  # noqa: FBT001 - a parameter of pytest
    verdict: str,
) -> None:
    """Last seen alive before its deadline, found dead after: its guard would have spoken."""
    facts: list[Any] = [opening(1, deadline=START + 100, guard_lead_seconds=lead_seconds)]
    if told:
        facts.append(Pending(2, 1, START + 99, "deadline_near"))
    desk.tell(*facts)
    desk.now = START + 600
    desk.book.stream_ended(SHOP.stream, desk.now, alive_at=START + 20)
    desk.commit()
    assert desk.verdict(1) == verdict
    clock = verdict_on(desk).clock
    assert clock is not None
    assert (clock.alive_at, clock.lock_fell_at) == (START + 20, START + 600)


def test_a_spool_that_is_gone_proves_nothing(desk: Desk) -> None:
    """A directory in memory and a host that went down: lost, inferred, amended if it lives."""
    desk.tell(opening(1), opening(2))
    desk.restart()
    assert desk.book.spooled_streams() == {SHOP.stream}
    desk.book.spool_gone(SHOP.stream, desk.now)
    desk.commit()
    assert desk.settled == {}
    desk.pass_time(desk.limits.client_backoff_seconds + 1)
    desk.pass_time(1)
    assert [desk.verdict(1), desk.verdict(2)] == ["dropped/instance_lost/inferred"] * 2
    assert verdict_on(desk).evidence[-1].kind == "spool_gone"
    desk.tell(closing(3))
    assert desk.verdict(1) == "completed/completed/observed"
    assert desk.total("amended") == 1


def test_what_had_no_room_in_the_spool_is_lost_evidence(desk: Desk) -> None:
    """The lock file tells how far the numbers went: the task may have ended, so it is unknown."""
    desk.tell(opening(1), start(2), opening(3))
    desk.book.records_lost(SHOP.stream, 5, 1, desk.now)
    desk.commit()
    assert desk.book.view().holes == {"shop": 2}
    desk.tell(opening(6))
    desk.restart()
    desk.die()
    lost = "unknown/evidence_lost/proven"
    assert [desk.verdict(1), desk.verdict(3)] == [lost, lost]
    assert desk.verdict(6) == "dropped/instance_lost/proven"
    missing = verdict_on(desk).missing
    assert missing is not None
    assert (missing.first, missing.last, missing.settled_reported) == (4, 5, 1)


def test_a_death_proves_nothing_of_a_task_whose_closing_may_be_missing(desk: Desk) -> None:
    """A spool that was removed unread, and a kill: 3 may have been its end. 5 has nothing after."""
    desk.tell(opening(1), opening(2, deadline=START + 100))
    desk.pass_time(103)
    assert desk.verdict(2) == "timed_out/platform_deadline/inferred"
    desk.tell(start(4, of=1), opening(5))
    desk.die()
    assert [desk.verdict(number) for number in (1, 2, 5)] == [
        "dropped/instance_lost/inferred",
        "timed_out/platform_deadline/inferred",
        "dropped/instance_lost/proven",
    ]
    assert not verdict_on(desk).final
    desk.pass_time(desk.limits.finality_seconds)
    assert verdict_on(desk).final


def test_what_ended_since_makes_up_for_no_closing_that_is_missing(desk: Desk) -> None:
    """One of two ends was told in a spool that is gone; then as many more tasks end as then had."""
    desk.tell(opening(1), opening(2))
    desk.tell(Instance(5, START, "up", 2, 2), opening(6), closing(7, of=6), closing(4, of=2))
    desk.tell(opening(8), closing(9, of=8), beat(10))
    desk.restart()
    desk.die()
    assert desk.verdict(1) == "unknown/evidence_lost/proven"
    missing = verdict_on(desk).missing
    assert missing is not None
    assert (missing.first, missing.last, missing.reported_sequence) == (3, 3, 5)
    assert (missing.settled_reported, missing.settled_arrived) == (4, 3)


@pytest.mark.parametrize(
    ("came", "verdict"),
    [
        ([], "unknown/evidence_lost/proven"),
        ([closing(11, of=4)], "unknown/evidence_lost/proven"),
        ([closing(7, of=4)], "dropped/instance_lost/inferred"),
        ([_ROLLUP], "dropped/instance_lost/inferred"),
    ],
)
def test_totals_that_were_overtaken_say_at_least_what_is_missing(
    desk: Desk, came: list[Any], verdict: str
) -> None:
    """What has come may have been told after them. What was missing still is, until it comes."""
    desk.tell(opening(1), opening(2), opening(3), Instance(5, START, "up", 3, 1))
    desk.tell(closing(9, of=3), closing(10, of=2), Instance(8, START, "up", 3, 2), *came)
    desk.die()
    assert desk.verdict(1) == verdict


def many_in_silence(desk: Desk, tasks: int) -> list[int]:
    """So many tasks of a process whose lease has lapsed; returns their numbers."""
    numbers = list(range(2, 2 + tasks))
    desk.tell(beat(1, state="up"), *(opening(each) for each in numbers), same_clock=False)
    desk.now += 60
    return numbers


def test_a_process_of_very_many_tasks_is_given_up_a_bounded_piece_at_a_time(desk: Desk) -> None:
    """What comes between two pieces counts; a kill between two loses and doubles nothing."""
    numbers = many_in_silence(desk, 3 * LOOKS_AT_ONCE)
    pieces = []
    for _ in range(2):
        assert (desk.book.next_due() or 0.0) <= desk.now
        desk.pass_time(0)
        pieces.append(len(desk.changes.settled))
    assert pieces == [LOOKS_AT_ONCE, LOOKS_AT_ONCE]
    ended = numbers[-1] + 1
    desk.tell(closing(ended, of=numbers[-1], at=desk.now), same_clock=False)
    desk.now += LEASE_SECONDS + 3
    desk.restart()
    desk.now += desk.limits.client_backoff_seconds + 1
    for _ in range(3):
        desk.pass_time(1)
    lost = [each for each in numbers if desk.verdict(each) == "dropped/instance_lost/inferred"]
    assert lost == numbers[:-1]
    assert desk.verdict(numbers[-1]) == "completed/completed/observed"
    assert (desk.total("amended"), desk.total("settled")) == (0, len(numbers))


def test_a_process_that_beats_again_keeps_the_tasks_that_nobody_has_given_up_yet(
    desk: Desk,
) -> None:
    """It thaws while it is being given up: the rest is not judged by what was true before."""
    numbers = many_in_silence(desk, 2 * LOOKS_AT_ONCE)
    desk.pass_time(0)
    desk.tell(beat(numbers[-1] + 1), same_clock=False)
    desk.pass_time(1)
    assert len(desk.settled) == LOOKS_AT_ONCE
    desk.pass_time(LEASE_SECONDS + 3)
    assert {desk.verdict(each) for each in numbers} == {"dropped/instance_lost/inferred"}


def test_a_process_whose_tasks_end_while_it_is_given_up_may_be_forgotten() -> None:
    """Room for another is made of it between two pieces: what was to be judged is no more."""
    desk = Desk(streams=1)
    numbers = many_in_silence(desk, 2 * LOOKS_AT_ONCE)
    desk.pass_time(0)
    after = numbers[-1] + 1
    ends = [closing(after + i, of=each) for i, each in enumerate(numbers[LOOKS_AT_ONCE:])]
    desk.tell(*ends, same_clock=False)
    desk.tell(opening(), source=Source(b"T" * 16, "shop"), same_clock=False)
    assert SHOP.stream not in desk.book.stream_ids()
    desk.pass_time(1)
    assert desk.total("settled") == len(numbers)
    assert desk.book.next_due() != 0.0

"""The pure rules at their edges, one value apart: what mutants showed nobody else looked at."""

from typing import Any

import pytest
from msgspec.structs import replace

from afterword_sidecar.ledger import entries, instances, rollups
from afterword_sidecar.ledger.circumstances import Circumstances
from afterword_sidecar.ledger.facts import Instance, Pending, Rollup
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Notes, StreamState
from afterword_sidecar.ledger.verdicts import infer
from worlds.desk import SHOP, START, Desk, closing, opening, start


def pending(sequence: int, at: float, reason: str = "shutdown", awaiting: str = "") -> Pending:
    return Pending(sequence, 1, at, reason, awaiting)


# What came before its opening, or decides it.


def test_what_came_early_is_the_openings_own() -> None:
    """Start and earliest pending note, told before the opening: all of it is in the entry."""
    desk = Desk()
    desk.tell(
        pending(5, START + 3, "deadline_near", "late"), pending(4, START + 2, awaiting="soon")
    )
    desk.tell(pending(6, START + 2, "deadline_near", "as early"), start(3, at=START + 1))
    desk.tell(opening(1))
    (task,) = desk.book.in_flight()
    notes = task.notes
    assert (task.started_sequence, task.started_at) == (3, START + 1)
    assert (notes.pending_sequence, notes.pending_at) == (4, START + 2)
    assert (notes.pending_reason, notes.awaiting) == ("shutdown", "as early")


def test_an_opening_without_anything_early_is_as_it_was_told() -> None:
    """What only a start told before leaves the notes alone."""
    desk = Desk()
    desk.tell(start(3, at=START + 1))
    desk.tell(opening(1, links="a-b"))
    (task,) = desk.book.in_flight()
    assert (task.notes.links, task.notes.pending_sequence) == ("a-b", 0)


def test_of_two_notes_at_the_same_time_the_first_decides() -> None:
    """The earliest, and of equals the one that came first; the last says where it waited."""
    desk = Desk()
    desk.tell(opening(1), pending(2, START + 1, awaiting="here"))
    desk.tell(pending(3, START + 1, "deadline_near", "there"))
    (task,) = desk.book.in_flight()
    assert (task.notes.pending_sequence, task.notes.pending_reason) == (2, "shutdown")
    assert task.notes.awaiting == "there"


def test_a_task_that_began_and_was_cut_off_is_the_stops_doing() -> None:
    """The note counts whether it had begun or not."""
    desk = Desk()
    desk.tell(opening(1), start(2), pending(3, START + 1))
    desk.die()
    assert desk.verdict(1) == "dropped/shutdown/proven"


@pytest.mark.parametrize("word", [start(2), pending(2, START, "deadline_near")])
def test_whoever_speaks_lives_as_long_again(word: Any) -> None:
    """The longest life counts from the last word of the task, not from its opening."""
    desk = Desk(longest_life_seconds=100.0)
    desk.tell(opening(1), same_clock=False)
    desk.pass_time(90.0)
    desk.tell(word, same_clock=False)
    desk.pass_time(90.0)
    assert desk.settled == {}
    desk.pass_time(20.0)
    assert desk.verdict(1) == "dropped/expired/inferred"


def test_a_letter_whose_opening_came_late_has_what_both_told() -> None:
    """The start as the closing told it, or as it was told before; all else from the opening."""
    desk = Desk()
    failed = {"outcome": "failed", "reason": "exception"}
    desk.tell(closing(4, 1, **failed))
    desk.tell(opening(1, route="/orders", payload="{}"))
    found = desk.store.dead_letter(f"{SHOP.stream.hex()}-1")
    assert found is not None
    assert (found[0].settled.opening.route, found[1]) == ("/orders", "{}")
    letter = found[0].settled
    told = replace(letter.opening, started_sequence=3, started_at=START + 2)
    late = replace(letter.opening, started_sequence=2, started_at=START + 1, route="/late")
    both = entries.attached(replace(letter, opening=told), late).opening
    assert (both.started_sequence, both.started_at, both.route) == (3, START + 2, "/late")
    unstarted = replace(letter.opening, started_sequence=0, started_at=0.0)
    only = entries.attached(replace(letter, opening=unstarted), late).opening
    assert (only.started_sequence, only.started_at) == (2, START + 1)


# The process about itself.


def test_totals_of_a_process_only_grow() -> None:
    """An earlier word that comes late lowers nothing; the greatest says which record told it."""
    state = instances.after(StreamState(SHOP), Instance(5, START, "beat", 9, 7), START)
    state = instances.after(state, Instance(3, START, "beat", 4, 2), START)
    assert (state.scheduled_reported, state.settled_reported) == (9, 7)
    assert (state.reported_sequence, state.instance_sequence) == (5, 5)


def test_only_a_promise_to_beat_vouches() -> None:
    """By a beat under a lease, however short; not by a goodbye, and not without a lease."""
    up = instances.after(StreamState(SHOP), Instance(1, START, "up", lease_seconds=0.5), START)
    assert (up.vouched_at, up.down_at, up.down_sequence) == (START, 0.0, 0)
    down = instances.after(up, Instance(2, START + 9, "down"), START + 9)
    assert (down.vouched_at, down.down_at, down.down_sequence) == (START, START + 9, 2)
    bare = instances.after(StreamState(SHOP), Instance(1, START, "up"), START)
    assert bare.vouched_at == 0.0


# When silence means something.


def judged(now: float, notes: Notes, deadline: float | None, **seen: Any) -> str:
    """Rule and reason of a task that was handed over at START, with a guard of one second."""
    desk = Desk()
    desk.tell(opening(1, deadline=deadline, guard_lead_seconds=1.0))
    (task,) = desk.book.in_flight()
    verdict = infer(replace(task, notes=notes), Circumstances(**seen), now, Limits())
    return "" if verdict is None else f"{verdict.rule} {verdict.reason}"


def test_a_goodbye_after_the_guard_spoke_is_the_deadlines_doing() -> None:
    """The platform stops a process whose task is out of time: the note tells it apart."""
    near = Notes(pending_sequence=2, pending_at=START + 9, pending_reason="deadline_near")
    said = judged(START + 11.5, near, START + 10, down_at=START + 9.5, down_sequence=3)
    assert said == "12 platform_deadline"
    early = judged(START + 10.5, near, START + 10, down_at=START + 8.5, down_sequence=3)
    assert early == "11 shutdown"


def test_a_lease_that_lapsed_before_the_deadline_came_near_is_a_death() -> None:
    """Judged before deadline and grace are over, it died of something else."""
    assert judged(START + 19, Notes(), START + 20, lease_until=START + 15) == "13 instance_lost"
    assert judged(START + 22, Notes(), START + 20, lease_until=START + 15) == "12 platform_deadline"


def test_patience_ends_to_the_moment() -> None:
    """From then on silence means what it means."""
    due = {"hold_until": START + 50}
    assert judged(START + 49.9, Notes(), START + 10, **due) == ""
    assert judged(START + 50, Notes(), START + 10, **due) == "12 platform_deadline"


def test_a_stop_that_a_lock_proves_names_both() -> None:
    """The goodbye decides, the lock proves: whoever asks sees both."""
    desk = Desk()
    desk.tell(opening(1), Instance(2, START, "down"))
    desk.die()
    cited = [
        (cited.kind, cited.sequence) for cited in desk.settled[SHOP.stream, 1].verdict.evidence
    ]
    assert cited[1:] == [("deferred_task.instance", 2), ("stream_ended", 0)]


def test_a_spool_that_is_gone_is_waited_for_as_long_as_grace() -> None:
    """To the moment."""
    assert judged(START + 11.9, Notes(), None, spool_gone_at=START + 10) == ""
    assert judged(START + 12, Notes(), None, spool_gone_at=START + 10) == "13 instance_lost"


# Rollups.


def rollup(count: int, *ranges: tuple[int, int]) -> Rollup:
    return Rollup(99, START, "send_receipt", "failed", "exception", count, ranges)


@pytest.mark.parametrize(
    ("told", "found", "news"),
    [
        ([opening(1)], [1], 3),
        ([opening(1), start(2)], [1], 3),
        ([opening(1), opening(8)], [1, 8], 2),
        ([opening(1), closing(2)], [], 3),
        ([opening(9), closing(10, 9)], [], 4),
        ([], [], 4),
    ],
)
def test_a_rollup_counts_what_is_new(told: list[Any], found: list[int], news: int) -> None:
    """Four tasks in numbers 1 to 8: those known here, and as many as the rest make up."""
    desk = Desk()
    if told:
        desk.tell(*told)
    else:
        desk.tell(opening(20), closing(21, 20))
    stream = desk.book._registry.streams[SHOP.stream]
    assert rollups.take(stream, rollup(4, (1, 4), (5, 8))) == (found, news)


def test_a_rollup_of_known_tasks_is_their_closing() -> None:
    """The record's own number, time and outcome, for each of them."""
    fact = rollup(2, (1, 4))
    told = rollups.closing_of(fact, 3)
    assert (told.sequence, told.at, told.opening_sequence) == (99, START, 3)
    assert (told.outcome, told.reason, told.rolled_up) == ("failed", "exception", True)

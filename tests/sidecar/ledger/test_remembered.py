"""What a book may not forget: over a restart, by retention, or while it waits."""

from typing import Any

import pytest
from msgspec.structs import replace

from afterword_sidecar.ledger.facts import (
    Fact,
    Instance,
    InvocationEnded,
    Pending,
    Settled,
    Source,
    SpanEnded,
    Started,
)
from worlds.desk import SHOP, START, Desk, closing, opening

FOREIGN = Source(b"F" * 24, "shop")


def let_pass(desk: Desk, seconds: float) -> None:
    """So much time, and each of the book's timers as it comes up."""
    end = desk.now + seconds
    while (due := desk.book.next_due()) is not None and due <= end:
        desk.pass_time(max(due - desk.now, 0.0))
    desk.pass_time(end - desk.now)


@pytest.mark.parametrize(
    "first", [Started(2, 1, START), Pending(3, 1, START, "shutdown")], ids=["start", "note"]
)
@pytest.mark.parametrize(
    "last",
    [
        SpanEnded(START, "send_receipt", "completed", "completed", START),
        Settled(5, 1, START, "send_receipt", "completed", "completed"),
    ],
    ids=["span", "closing"],
)
def test_a_foreign_task_is_open_to_its_opening_after_a_restart(first: Fact, last: Fact) -> None:
    """Something was told of it before its opening; the sidecar is killed; then it ends."""
    desk = Desk()
    desk.tell(first, source=FOREIGN, same_clock=False)
    desk.restart()
    desk.tell(last, source=FOREIGN, same_clock=False)
    assert desk.verdict(1, FOREIGN) == "completed/completed/observed"


@pytest.mark.parametrize("source", [SHOP, FOREIGN], ids=["ours", "foreign"])
def test_a_stream_is_not_forgotten_before_its_verdicts_are_final(source: Source) -> None:
    """Its last task expires when it would be forgotten; what waits for finality hears of it."""
    desk = Desk(stream_retention_seconds=3600.0, longest_life_seconds=3600.0)
    desk.tell(opening(1), source=source, same_clock=False)
    let_pass(desk, 3700)
    assert desk.verdict(1, source) == "dropped/expired/inferred"
    desk.restart()
    assert len(desk.book.stream_ids()) == 1
    (said,) = desk.settled.values()
    final_at = said.verdict.at + desk.limits.finality_seconds
    let_pass(desk, final_at - desk.now - 2)
    assert not desk.settled[source.stream, 1].verdict.final
    assert len(desk.book.stream_ids()) == 1
    let_pass(desk, 10)
    assert desk.settled[source.stream, 1].verdict.final
    let_pass(desk, 10)
    assert desk.book.stream_ids() == []


def test_a_stream_that_waits_for_finality_is_looked_at_once_more_and_not_all_the_time() -> None:
    """When the last of its verdicts will be final; a million may wait so."""
    desk = Desk(stream_retention_seconds=3600.0, longest_life_seconds=3600.0)
    desk.tell(opening(1), same_clock=False)
    let_pass(desk, 3700)
    due = desk.book.next_due()
    assert due is not None
    assert due > desk.now + 600


@pytest.mark.parametrize(
    "replay",
    [{"origin": "replay"}, {"dead_letter": "abc-1"}],
    ids=["says that it is", "says of what"],
)
def test_a_lost_replay_is_remembered_over_a_restart(replay: dict[str, Any]) -> None:
    """It has no letter of its own, and is made final, or amended, as others are."""
    desk = Desk()
    desk.tell(
        opening(1, deadline=START + 10, **replay),
        opening(2, deadline=START + 10, **replay),
        same_clock=False,
    )
    desk.pass_time(30)
    assert desk.book.view().dead_letters_open == {}
    desk.restart()
    desk.tell(closing(3, 1), same_clock=False)
    let_pass(desk, 910)
    assert desk.verdict(1) == "completed/completed/observed"
    assert desk.settled[SHOP.stream, 2].verdict.final


def test_a_replay_that_failed_ahead_of_its_opening_buries_nothing() -> None:
    """Neither when it ends nor when its opening comes."""
    desk = Desk()
    desk.tell(closing(2, 1, "failed", "exception", origin="replay"))
    desk.tell(opening(1, origin="replay", payload="{}"))
    assert desk.store.dead_letter(f"{SHOP.stream.hex()}-1") is None


def test_after_a_long_stall_whoever_speaks_is_judged_soon() -> None:
    """Silence proves nothing for as long as the sidecar was away; of who speaks, for 5 s."""
    desk = Desk()
    desk.tell(opening(1, deadline=START + 100), same_clock=False)
    desk.now += 7200
    desk.book.stalled(7200, desk.now)
    let_pass(desk, 100)
    assert desk.settled == {}
    desk.tell(Instance(2, desk.now, "beat"), same_clock=False)
    let_pass(desk, desk.limits.client_backoff_seconds + 1)
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"


def test_what_had_no_room_in_a_spool_is_as_the_lock_file_says_it_last() -> None:
    """Once there was room for the closings too, none is known to be missing; nothing is proven."""
    desk = Desk()
    desk.tell(opening(1, invocation="i"))
    desk.book.records_lost(SHOP.stream, 3, 1, desk.now)
    desk.book.records_lost(SHOP.stream, 5, 0, desk.now)
    desk.commit()
    desk.die()
    assert desk.verdict(1) == "dropped/instance_lost/inferred"


def test_what_a_spool_lost_and_what_is_missing_next_to_it_are_one_range() -> None:
    """So no more of the few that are remembered are given up than there are."""
    desk = Desk(hole_ranges_per_stream=1)
    desk.tell(opening(1, invocation="i"))
    desk.book.records_lost(SHOP.stream, 4, 1, desk.now)
    desk.book.records_lost(SHOP.stream, 6, 1, desk.now)
    desk.tell(InvocationEnded(9, START, "i", scheduled=1, started=0))
    assert desk.book.view().holes == {"shop": 7}


def test_what_a_process_says_of_itself_stays_as_long_as_a_task_is_open() -> None:
    """Each task has what was said last, its stream alone nothing: very many are remembered."""
    desk = Desk()
    first, moved = (replace(SHOP, resource=text) for text in ('{"pod":"p1"}', '{"pod":"p2"}'))
    desk.tell(opening(1), source=first)
    desk.tell(opening(2))  # nothing new is said
    desk.tell(opening(3), source=moved)
    assert [state.source for state in desk.changes.streams] == [SHOP]
    desk.restart()
    desk.tell(closing(4, 1), closing(5, 2), closing(6, 3))
    desk.tell(opening(7))
    desk.tell(closing(8, 7))
    said = [desk.settled[SHOP.stream, each].opening.source.resource for each in (1, 2, 3, 7)]
    assert said == [first.resource, first.resource, moved.resource, ""]


def test_where_a_task_waited_is_as_it_was_told_last_before_its_opening_too() -> None:
    """The earliest note decides; the last, if it says so, tells where the task was."""
    desk = Desk()
    told = (("deadline_near", "there"), ("shutdown", "here"), ("shutdown", ""))
    desk.tell(*(Pending(2 + n, 1, START + n, *said) for n, said in enumerate(told)))
    desk.tell(opening(1, deadline=START, guard_lead_seconds=1.0))
    desk.die()
    assert desk.verdict(1) == "timed_out/platform_deadline/proven"
    assert desk.settled[SHOP.stream, 1].awaiting == "here"


def test_an_offset_by_the_network_is_forgotten_once_the_spool_tells() -> None:
    """Even one of nothing: what comes over the network later is later by what it shows itself."""
    desk = Desk()
    desk.tell(opening(1, at=desk.now), same_clock=False)
    desk.tell(opening(2, at=desk.now), same_clock=True)
    desk.tell(opening(3, at=desk.now - 3.0), same_clock=False)
    assert [state.offset_seconds for state in desk.memory.load().streams] == [3.0]


def test_what_is_open_beyond_retention_is_not_looked_at_all_the_time() -> None:
    """A foreign task, after its hour: its stream waits for it, and costs a look a minute."""
    desk = Desk(longest_life_seconds=6 * 3600)
    desk.tell(opening(1), source=FOREIGN, same_clock=False)
    let_pass(desk, desk.limits.foreign_retention_seconds)
    looks = 0
    until = desk.now + 600
    while (due := desk.book.next_due()) is not None and due <= until:
        desk.pass_time(max(due - desk.now, 0.0))
        looks += 1
    assert looks <= 10
    assert desk.settled == {}
    let_pass(desk, 6 * 3600)
    assert desk.verdict(1, FOREIGN) == "dropped/expired/inferred"
    let_pass(desk, 3600)
    assert desk.memory.load().streams == []

"""The book told stories: what real streams do, and what hostile ones try."""

import random
from typing import Any

import pytest

from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.facts import (
    Batch,
    Instance,
    InvocationEnded,
    Pending,
    Rollup,
    Source,
    SpanEnded,
)
from afterword_sidecar.ledger.labels import OTHER
from worlds.desk import SHOP, START, Desk, closing, opening, start

FOREIGN = Source(stream=b"T" * 16 + b"s" * 8, service="shop")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def letter_payload(desk: Desk, number: int = 1) -> str | None:
    found = desk.store.dead_letter(f"{SHOP.stream.hex()}-{number}")
    assert found is not None
    return found[1]


def test_a_killed_task_is_named_and_its_payload_kept(desk: Desk) -> None:
    """Lock fallen, nothing more to read: proven lost, with the payload that went ahead."""
    desk.tell(opening(1, payload='{"order": 7}'), start(2))
    desk.die()
    assert desk.verdict(1) == "dropped/instance_lost/proven"
    assert [c.kind for c in desk.settled[SHOP.stream, 1].verdict.evidence] == [
        "deferred_task.scheduled",
        "deferred_task.started",
        "stream_ended",
    ]
    assert letter_payload(desk) == '{"order": 7}'


def test_a_process_with_many_open_tasks_is_buried_in_pieces(desk: Desk) -> None:
    """Twelve thousand tasks of one dead process: a bounded number a step, and none forgotten."""
    desk.tell(*(opening(number) for number in range(1, 12_001)))
    desk.die()
    assert 0 < len(desk.settled) < 12_000
    steps = 0
    while (due := desk.book.next_due()) is not None and due <= desk.now:
        desk.pass_time(0.0)
        steps += 1
    assert len(desk.settled) == 12_000
    assert steps == 4
    assert desk.total("settled", "instance_lost", "proven") == 12_000


def test_redelivery_changes_nothing_however_late(desk: Desk) -> None:
    """The same records again, after the task is long forgotten, are duplicates and no more."""
    facts = (opening(1), start(2), closing(3))
    desk.tell(*facts)
    desk.pass_time(desk.limits.stream_retention_seconds - 10)
    receipt = desk.tell(*facts)
    assert (receipt.duplicates, receipt.accepted) == (3, 3)
    assert desk.total("scheduled") == 1


def test_a_closing_ahead_of_its_opening_takes_the_payload_when_it_comes(desk: Desk) -> None:
    """Reordered batches: counted once, and the dead letter gets what only the opening knew."""
    desk.tell(closing(3, outcome="failed", reason="exception"))
    assert letter_payload(desk) is None
    desk.restart()
    desk.tell(opening(1, payload='{"order": 7}', route="/pay"), start(2))
    assert letter_payload(desk) == '{"order": 7}'
    assert (desk.total("scheduled"), desk.total("settled")) == (1, 1)
    assert desk.total("evidence_recovered") == 2


def test_what_comes_before_the_opening_is_kept_for_it(desk: Desk) -> None:
    """A start told ahead of its opening still counts as a start when the invocation ends."""
    desk.tell(start(2))
    desk.tell(opening(1, invocation="i"), InvocationEnded(3, START, "i", 1, 1))
    desk.die()
    assert desk.verdict(1) == "dropped/instance_lost/proven"


def test_a_start_is_observed_once_whenever_it_comes(desk: Desk) -> None:
    """In order, before its opening, with the closing alone, after a verdict, or never by itself."""

    def observed() -> float:
        return sum(
            sum(total.value[:-1])
            for (metric, _), total in desk.book.view().totals.items()
            if metric == "start_delay" and isinstance(total.value, tuple)
        )

    desk.tell(opening(1), start(2), closing(3, 1, start_delay_seconds=0.01))
    assert observed() == 1
    desk.tell(start(5, 4))
    assert observed() == 1
    desk.tell(opening(4))
    assert observed() == 2
    desk.restart()
    desk.tell(closing(6, 4, start_delay_seconds=0.01))
    assert observed() == 2
    desk.tell(opening(7), closing(9, 7, start_delay_seconds=0.01))
    desk.tell(start(8, 7))
    assert observed() == 3
    desk.tell(opening(10, at=START, deadline=START + 10))
    desk.pass_time(30)
    desk.tell(start(11, 10), closing(12, 10, start_delay_seconds=0.01))
    assert observed() == 4


def test_a_frozen_process_that_thaws_amends_its_verdict(desk: Desk) -> None:
    """Past its deadline it cannot be told from a dead one; then it completes: one amendment."""
    desk.tell(opening(1, deadline=START + 10, payload="{}"))
    desk.pass_time(30)
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"
    assert desk.book.view().dead_letters_open == {("shop", "send_receipt", "timed_out"): 1}
    desk.restart()
    desk.tell(closing(2, at=START + 25))
    assert desk.verdict(1) == "completed/completed/observed"
    assert desk.total("amended") == 1
    assert desk.book.view().dead_letters_open == {}
    found = desk.store.dead_letter(f"{SHOP.stream.hex()}-1")
    assert found is not None
    assert found[0].closed_at == desk.now
    assert [v.reason for v in found[0].settled.history] == ["platform_deadline"]


def _budgets(desk: Desk) -> tuple[list[float], float]:
    """How many tasks used up to 60 %, up to 100 %, and more; and the sum of the shares."""
    total = desk.book.view().totals[totals.BUDGET_USED, (SHOP.service, "send_receipt")]
    assert isinstance(total.value, tuple)
    *counts, used = total.value
    sixty, all_of_it = (totals.BUDGET_USED_BOUNDS.index(bound) + 1 for bound in (0.6, 1.0))
    parts = [counts[:sixty], counts[sixty:all_of_it], counts[all_of_it:]]
    return [sum(part) for part in parts], used


def test_a_task_that_its_deadline_cut_off_used_all_of_its_time(desk: Desk) -> None:
    """Once each, as first judged: no amendment adds to it, not after a restart either."""
    desk.tell(*(opening(number, deadline=START + 10) for number in (1, 2, 3)), closing(4, 3))
    desk.pass_time(30)
    assert _budgets(desk) == ([1, 2, 0], 2.1)
    desk.restart()
    desk.tell(closing(5, 1, at=START + 25), Pending(6, 2, START + 9, "deadline_near", "at b.py:2"))
    assert desk.total("amended") == 1
    desk.die()
    assert desk.verdict(2) == "timed_out/platform_deadline/proven"
    assert _budgets(desk) == ([1, 2, 0], 2.1)


def test_the_time_that_a_lost_task_used_is_known_once_it_is_heard_of(desk: Desk) -> None:
    """Its process died in time: nobody knows what it used. Its own closing then says."""
    desk.tell(opening(1, deadline=START + 10), opening(2, deadline=START + 10), closing(3, 2))
    desk.die()
    assert desk.verdict(1) == "dropped/instance_lost/proven"
    assert _budgets(desk) == ([1, 0, 0], 0.1)
    desk.tell(closing(4, at=START + 5))
    assert _budgets(desk) == ([2, 0, 0], 0.6)


def test_a_missing_closing_is_told_from_a_lost_task(desk: Desk) -> None:
    """The stream says that more settled than arrived, and numbers are missing: lost telemetry."""
    desk.tell(opening(1, deadline=START + 10))
    desk.tell(Instance(3, START, "beat", scheduled_total=1, settled_total=1))
    assert desk.book.view().holes == {"shop": 1}
    desk.pass_time(20)
    assert desk.verdict(1) == "unknown/evidence_lost/inferred"
    desk.tell(closing(2))
    assert desk.verdict(1) == "completed/completed/observed"
    assert desk.book.view().holes == {"shop": 0}


def test_lost_evidence_is_blamed_only_until_it_comes(desk: Desk) -> None:
    """The missing closing was another task's: the one that was blamed on it is judged anew."""
    desk.tell(opening(1, deadline=START + 10), opening(2, deadline=START + 10))
    desk.tell(Instance(4, START, "beat", scheduled_total=2, settled_total=1))
    desk.pass_time(20)
    assert {desk.verdict(1), desk.verdict(2)} == {"unknown/evidence_lost/inferred"}
    desk.tell(closing(3, of=2))
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"
    assert desk.total("amended") == 2


def test_holes_are_given_up_and_counted_after_a_while(desk: Desk) -> None:
    """Missing evidence is a gauge, then a loss; if it comes after all it was recovered."""
    desk.tell(opening(1), opening(5))
    assert desk.book.view().holes == {"shop": 3}
    desk.pass_time(desk.limits.hole_patience_seconds + 1)
    assert desk.book.view().holes == {"shop": 0}
    assert desk.total("evidence_lost") == 3
    desk.tell(closing(3, of=1))
    assert desk.verdict(1) == "completed/completed/observed"
    assert desk.total("evidence_recovered") == 1
    desk.tell(start(2), start(4, of=3))
    assert desk.total("evidence_recovered") == 3  # the last one too, which leaves no hole


def test_a_lease_promised_before_the_first_task_is_judged_without_a_beat(desk: Desk) -> None:
    """A process that dies between its first task and its first beat is not forgotten."""
    desk.tell(Instance(1, START, "up", lease_seconds=10), opening(2), same_clock=False)
    desk.pass_time(13)
    assert desk.verdict(2) == "dropped/instance_lost/inferred"


def test_a_lease_that_lapses_is_judged_and_one_renewed_is_not(desk: Desk) -> None:
    """Only a stream that promised a beat is missed; any word of it renews the promise."""
    beat = Instance(2, START, "up", lease_seconds=10)
    desk.tell(opening(1), beat)
    other = Source(b"O" * 16, "shop")
    desk.tell(opening(1), source=other)
    for number in range(3, 8):
        desk.pass_time(8)
        desk.tell(start(number, of=1))
    assert desk.settled == {}
    desk.pass_time(13)
    assert desk.verdict(1) == "dropped/instance_lost/inferred"
    assert (other.stream, 1) not in desk.settled


def test_silence_proves_nothing_while_clients_may_be_waiting(desk: Desk) -> None:
    """After a start or a stall, deadlines and leases shift by the stall or the clients' pause."""
    desk.tell(opening(1, deadline=START + 6))
    desk.restart()
    desk.now = START + 50
    desk.book.stalled(40, desk.now)
    desk.pass_time(20)
    assert desk.settled == {}
    desk.pass_time(21)
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"


@pytest.mark.parametrize("skew", [-3600.0, 3600.0, -START])
def test_a_clock_hours_off_neither_hastens_nor_delays_a_verdict(desk: Desk, skew: float) -> None:
    """The stream's offset is the least of (received - event time): an hour early, late, or 1970."""
    began = desk.now
    event = began + skew
    desk.tell(opening(1, at=event, deadline=event + 30), same_clock=False)
    desk.pass_time(31)
    assert desk.settled == {}
    desk.pass_time(3)
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"


def test_shutdown_is_told_apart_by_the_earliest_pending(desk: Desk) -> None:
    """Pending/shutdown and then no closing is a drop at shutdown, whatever passes afterwards."""
    desk.tell(
        opening(1, deadline=START + 10),
        Pending(2, 1, START + 1, "shutdown", "awaiting `asyncio.sleep` at `a.py:1`"),
        Pending(3, 1, START + 9, "deadline_near", "awaiting `httpx` at `b.py:2`"),
    )
    desk.pass_time(20)
    assert desk.verdict(1) == "dropped/shutdown/inferred"
    assert desk.settled[SHOP.stream, 1].awaiting == "awaiting `httpx` at `b.py:2`"
    desk.die()
    assert desk.verdict(1) == "dropped/shutdown/proven"
    assert desk.total("amended") == 0


@pytest.mark.parametrize("spooled", [True, False])
def test_a_stopping_process_is_waited_for_until_its_lock_tells(desk: Desk, spooled: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    """Told as pending at shutdown over HTTP it is dropped after a minute; a lock says it better."""
    desk.tell(opening(1), same_clock=spooled)
    desk.tell(Pending(2, 1, START, "shutdown"), same_clock=spooled)
    desk.pass_time(59)
    assert desk.settled == {}
    desk.pass_time(3)
    assert ((SHOP.stream, 1) in desk.settled) is not spooled
    if not spooled:
        assert desk.verdict(1) == "dropped/shutdown/inferred"


def test_tasks_that_never_began_are_named_when_their_invocation_ends(desk: Desk) -> None:
    """Of three tasks the one that ran goes on; the two that never began are dropped."""
    desk.tell(
        *(opening(n, invocation="i") for n in (1, 2, 3)),
        start(4, of=2),
        InvocationEnded(5, START, "i", scheduled=3, started=1),
    )
    assert [desk.verdict(n) for n in (1, 3)] == ["dropped/never_started/inferred"] * 2
    assert [task.sequence for task in desk.book.in_flight()] == [2]


def test_a_rollup_keeps_the_counts_whose_detail_was_shed(desk: Desk) -> None:
    """Eleven tasks in one record; their numbers are no holes, and late copies no news."""
    rollup = Rollup(23, START, "t", "completed", "completed", 11, ((1, 22),))
    desk.tell(rollup)
    assert (desk.total("scheduled"), desk.total("settled", "completed")) == (11, 11)
    assert desk.book.view().holes == {}
    assert desk.tell(opening(7), rollup).duplicates == 2


def test_a_foreign_task_is_closed_by_its_span_and_amended_by_its_event(desk: Desk) -> None:
    """The trace and span ids are its key; its own event is the last word."""
    span = SpanEnded(START + 2, "t", "unknown", "span_unset", START + 1)
    desk.tell(opening(1, task="t"), source=FOREIGN)
    desk.tell(span, source=FOREIGN)
    desk.tell(span, source=FOREIGN)
    assert desk.verdict(1, FOREIGN) == "unknown/span_unset/observed"
    desk.restart()
    desk.tell(closing(5, task="t"), source=FOREIGN)
    assert desk.verdict(1, FOREIGN) == "completed/completed/observed"
    assert (desk.total("scheduled"), desk.total("amended")) == (1, 1)
    assert desk.book.view().holes == {}


def test_a_replay_is_an_attempt_and_no_second_letter(desk: Desk) -> None:
    """A failing replay is counted under its origin, and buries nothing."""
    desk.tell(
        opening(1, origin="replay", dead_letter="abc-1"),
        closing(2, outcome="failed", reason="exception", origin="replay"),
    )
    assert desk.total("settled", "failed", "replay") == 1
    assert desk.book.view().dead_letters_open == {}


def test_a_stream_forgotten_after_retention_is_stale(desk: Desk) -> None:
    """It cannot be counted again: what it says is rejected, also after a restart."""
    desk.tell(opening(1), closing(2), same_clock=False)
    desk.pass_time(desk.limits.stream_retention_seconds + 2)
    desk.pass_time(2)
    assert desk.tell(opening(3)).rejected == {"stale": 1}
    desk.restart()
    assert desk.tell(opening(1)).rejected == {"stale": 1}
    assert desk.total("scheduled") == 1


def test_a_process_that_holds_its_lock_is_never_forgotten(desk: Desk) -> None:
    """Idle for longer than any retention, its next task is a task like any other."""
    desk.tell(opening(1), closing(2))
    desk.pass_time(3 * desk.limits.stream_retention_seconds)
    assert desk.tell(opening(3)).rejected == {}
    assert desk.total("scheduled") == 2


def test_what_a_client_held_back_is_counted_whole(desk: Desk) -> None:
    """Eight thousand folded tasks in the order they were opened: closings' numbers lie anywhere."""
    count = 8000
    numbers = random.Random(1).sample(range(2 * count + 1, 3 * count + 1), count)
    for first in range(0, count, 500):
        told = range(first, first + 500)
        desk.tell(
            *(
                closing(numbers[n], of=2 * n + 1, folded=True, started_sequence=2 * n + 2)
                for n in told
            )
        )
    assert desk.total("scheduled") == desk.total("settled", "completed") == count
    assert desk.total("evidence_lost") == 0
    assert desk.book.view().holes == {"shop": 0}


def test_a_foreign_span_ahead_of_its_opening_is_one_task(desk: Desk) -> None:
    """Spans and logs are exported apart, so either may come first; the task is counted once."""
    desk.tell(SpanEnded(START + 2, "t", "failed", "exception", START + 1), source=FOREIGN)
    desk.tell(opening(1, task="t"), source=FOREIGN)
    desk.tell(closing(5, task="t"), source=FOREIGN)
    assert (desk.total("scheduled"), desk.total("amended")) == (1, 1)
    assert list(desk.book.in_flight()) == []
    assert desk.book.view().dead_letters_open == {}


def test_inferred_verdicts_become_final_second_by_second(desk: Desk) -> None:
    """With time passing as it does in service: final once the window is over, not before."""
    desk.tell(opening(1, deadline=START + 10))
    desk.pass_time(30)
    at = desk.settled[SHOP.stream, 1].verdict.at
    while desk.now < at + desk.limits.finality_seconds:
        assert not desk.settled[SHOP.stream, 1].verdict.final
        desk.pass_time(7)
    desk.pass_time(7)
    assert desk.settled[SHOP.stream, 1].verdict.final


def test_labels_given_out_are_kept_over_a_restart() -> None:
    """With the cap reached, each task is counted after a restart where it was before."""
    desk = Desk(tasks_per_service=2)
    for number, name in enumerate(("a", "b", "c"), 1):
        desk.tell(opening(number, task=name))
    before = desk.book.view().in_flight
    desk.restart()
    assert desk.book.view().in_flight == before
    desk.tell(opening(4, task="b"), opening(5, task="d"))
    assert desk.total("scheduled", "b") == 2
    assert desk.total("scheduled", OTHER) == 2


def test_a_lease_that_lapsed_while_the_sidecar_was_away_is_looked_at(desk: Desk) -> None:
    """After the pause that a start grants, and not when the stream would be forgotten."""
    desk.tell(opening(1), Instance(2, START, "up", lease_seconds=30), same_clock=False)
    desk.now += 100
    desk.restart()
    desk.pass_time(desk.limits.client_backoff_seconds + 2)
    desk.pass_time(2)
    assert desk.verdict(1) == "dropped/instance_lost/inferred"


def test_a_stream_that_spoke_since_a_start_is_judged_without_the_long_pause(desk: Desk) -> None:
    """Its client is not waiting to try again; one that was not heard may be."""
    silent = Source(b"O" * 16, "shop")
    desk.tell(opening(1, deadline=START + 20), source=silent, same_clock=False)
    desk.restart()
    desk.pass_time(1)
    desk.tell(opening(1, at=desk.now, deadline=desk.now + 14), same_clock=False)
    desk.pass_time(25)
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"
    assert (silent.stream, 1) not in desk.settled
    desk.pass_time(20)
    assert desk.verdict(1, silent) == "timed_out/platform_deadline/inferred"


def test_a_letter_that_retention_took_does_not_come_back(desk: Desk) -> None:
    """Its opening comes late, with a payload: nothing is written, and nothing counted."""
    desk.tell(closing(2, outcome="failed", reason="exception"))
    desk.book.forget_dead_letters([(SHOP.stream, 1)], {("shop", "send_receipt", "failed"): 1})
    desk.tell(opening(1, payload="{}"))
    assert desk.changes.dead_letters == []
    assert desk.book.view().dead_letters_open == {}


def test_a_lost_replay_can_be_amended_after_a_restart(desk: Desk) -> None:
    """It has no dead letter to be remembered by; its stream remembers it."""
    replay: dict[str, Any] = {"origin": "replay", "dead_letter": "abc-1"}
    desk.tell(opening(1, deadline=START + 10, **replay), same_clock=False)
    desk.pass_time(30)
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"
    desk.restart()
    desk.tell(closing(2, origin="replay"), same_clock=False)
    assert desk.verdict(1) == "completed/completed/observed"


def test_a_goodbye_taken_back_is_no_goodbye(desk: Desk) -> None:
    """A process that said it goes down and then beats is up; its tasks are not at an end."""
    desk.tell(Instance(1, START, "down"), Instance(2, START, "beat"), opening(3))
    desk.pass_time(60)
    assert desk.settled == {}


def test_streams_forgotten_to_make_room_are_the_least_recently_heard() -> None:
    """A process that keeps talking stays, however old it is; and its timer goes with a stream."""
    desk = Desk(streams=10)
    desk.tell(opening(1), closing(2), same_clock=False)
    for number in range(1, 200):
        desk.tell(opening(1), closing(2), source=Source(number.to_bytes(16, "big"), "s"))
        assert desk.tell(Instance(number + 2, START, "beat"), same_clock=False).rejected == {}
    assert len(desk.book._keeper.wheel) < 100


def test_a_million_task_names_cost_a_bounded_number_of_series() -> None:
    """Names past the cap are counted as ``_other``, sticky, and that is counted too."""
    desk = Desk(tasks_per_service=3, services=2)
    for number in range(1, 21, 2):
        name = f"task-{number}"
        desk.tell(opening(number, task=name), closing(number + 1, of=number, task=name))
    desk.tell(opening(21, task="task-1"))
    for service in "abc":
        desk.tell(opening(1), source=Source(service.encode() * 16, service))
    assert desk.total("scheduled", "shop", OTHER) == 7
    assert desk.total("scheduled", "task-1") == 2
    assert desk.total("label_overflow", "shop") == 7
    services = {labels[0] for labels in desk.book.view().in_flight}
    assert services == {"shop", "a", OTHER}


def test_no_stream_can_make_the_book_keep_ever_more() -> None:
    """Holes, early records and streams are bounded; what goes over is counted, not remembered."""
    desk = Desk(hole_ranges_per_stream=10, ahead_per_stream=5, streams=20)
    for number in range(2, 200, 2):
        desk.tell(closing(number, of=number - 1))
    assert desk.total("settled") == 99
    assert len(desk.book._registry.streams[SHOP.stream].seen.holes) <= 10
    assert len(desk.book._registry.streams[SHOP.stream].ahead) <= 5
    assert desk.tell(opening(11)).duplicates == 1
    for number in range(100):
        desk.tell(opening(1), source=Source(number.to_bytes(16, "big"), "shop"))
    assert len(desk.book._registry.streams) <= 20


def test_an_opening_number_that_lies_ahead_of_its_own_record_is_refused(desk: Desk) -> None:
    """It costs that record, and none of its neighbours."""
    batch = Batch(SHOP, (closing(1, of=9), opening(2), closing(3, of=2)), desk.now)
    receipt = desk.book.apply(batch, desk.now)
    assert receipt.rejected == {"bad_opening_sequence": 1}
    assert receipt.accepted == 2


def test_retention_of_letters_takes_them_out_of_the_count(desk: Desk) -> None:
    """Once a letter is gone its task can be amended no more, and the count of open ones falls."""
    desk.tell(opening(1, deadline=START + 10))
    desk.pass_time(30)
    desk.book.forget_dead_letters([(SHOP.stream, 1)], {("shop", "send_receipt", "timed_out"): 1})
    assert desk.book.view().dead_letters_open == {}
    desk.tell(closing(2))
    assert desk.total("amended") == 0


def test_a_restarted_book_goes_on_where_it_was(desk: Desk) -> None:
    """Open tasks, early records, totals, holes and letters are those of before."""
    desk.tell(opening(1, deadline=START + 100, payload="{}"), start(2), opening(4), start(6, of=5))
    desk.die(Source(b"unknown" * 2 + b"xx", "nobody"))
    before = desk.book.view()
    desk.restart()
    after = desk.book.view()
    assert after.totals == before.totals
    assert after.holes == before.holes
    assert after.in_flight == before.in_flight
    assert after.oldest_in_flight == before.oldest_in_flight
    desk.tell(opening(5), closing(3, of=1))
    task = next(t for t in desk.book.in_flight() if t.sequence == 5)
    assert task.started_sequence == 6

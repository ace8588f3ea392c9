"""What comes late, or twice: counted once, and judged by what it says."""

import msgspec
import pytest

from afterword_sidecar.ledger.facts import Instance, InvocationEnded, Rollup
from worlds.desk import SHOP, START, Desk, closing, opening, start


@pytest.fixture
def desk() -> Desk:
    return Desk()


def rollup(sequence: int, count: int, *ranges: tuple[int, int]) -> Rollup:
    return Rollup(sequence, START, "send_receipt", "completed", "completed", count, ranges)


def test_an_opening_that_its_invocations_end_overtook_never_started(desk: Desk) -> None:
    """The end came first; what was handed over in it and did not begin is named all the same."""
    desk.tell(InvocationEnded(4, START, "i", scheduled=2, started=1))
    desk.restart()
    desk.tell(opening(1, invocation="i"), opening(2, invocation="i"))
    assert desk.settled == {}  # one of them may have begun: a number is still missing
    desk.tell(start(3, of=2))
    assert desk.verdict(1) == "dropped/never_started/inferred"
    assert [task.sequence for task in desk.book.in_flight()] == [2]
    desk.tell(opening(5, invocation="i"))
    assert (SHOP.stream, 5) not in desk.settled


def test_numbers_that_a_rollup_stands_for_are_missing_no_more(desk: Desk) -> None:
    """An opening that waited for them is judged as they come; a folded closing's are as good."""
    desk.tell(InvocationEnded(6, START, "i", scheduled=1, started=0))
    desk.tell(opening(2, invocation="i"))
    desk.tell(rollup(7, 1, (3, 5)))
    assert desk.verdict(2) == "dropped/never_started/inferred"
    desk.tell(InvocationEnded(12, START, "j", scheduled=1, started=0))
    desk.tell(opening(8, invocation="j"))
    assert (SHOP.stream, 8) not in desk.settled
    desk.tell(closing(11, of=9, folded=True, started_sequence=10))
    assert desk.verdict(8) == "dropped/never_started/inferred"


def test_openings_that_nothing_waits_for_are_not_held_against_the_book() -> None:
    """More closings came first than are remembered: the audit still says that all has arrived."""
    desk = Desk(ahead_per_stream=2)
    desk.tell(*(closing(number + 4, of=number) for number in range(1, 5)))
    desk.tell(*(opening(number) for number in range(1, 5)))
    desk.tell(Instance(9, START, "beat", scheduled_total=4, settled_total=4))
    desk.pass_time(100)
    assert desk.book.audit(desk.now).trusted


def test_never_started_cites_the_end_of_the_invocation_when_a_lock_falls_too(desk: Desk) -> None:
    """All that the rule rests on is in the verdict: opening, invocation, and the proof."""
    desk.tell(opening(1, invocation="i"), InvocationEnded(2, START + 1, "i", 1, 0))
    desk.die()
    assert desk.verdict(1) == "dropped/never_started/proven"
    kinds = [cited.kind for cited in desk.settled[SHOP.stream, 1].verdict.evidence]
    assert kinds == ["deferred_task.scheduled", "deferred_task.invocation", "stream_ended"]


def test_a_rollup_of_what_is_known_is_not_counted_again(desk: Desk) -> None:
    """Five tasks of two records each, two of which were told before: three are new."""
    desk.tell(opening(1), closing(2), opening(3), closing(4, of=3))
    desk.tell(rollup(11, 5, (1, 10)))
    assert (desk.total("scheduled"), desk.total("settled", "completed")) == (5, 5)
    assert desk.book.view().holes == {}


def test_a_rollup_of_nothing_new_counts_nothing(desk: Desk) -> None:
    """Every number of it was told before."""
    desk.tell(opening(1), closing(2))
    desk.tell(rollup(3, 1, (1, 2)))
    assert (desk.total("scheduled"), desk.total("settled")) == (1, 1)


def test_a_rollup_closes_what_is_open_and_amends_what_was_given_up(desk: Desk) -> None:
    """Their openings had come by themselves; the record that ends them is named as their proof."""
    desk.tell(opening(1, deadline=START + 10), opening(2), start(3, of=2))
    desk.pass_time(30)
    assert desk.verdict(1) == "timed_out/platform_deadline/inferred"
    desk.tell(rollup(9, 3, (1, 8)))
    assert desk.verdict(1) == desk.verdict(2) == "completed/completed/observed"
    assert (desk.total("scheduled"), desk.total("amended")) == (3, 1)
    cited = desk.settled[SHOP.stream, 2].verdict.evidence[-1]
    assert (cited.kind, cited.sequence) == ("deferred_task.rollup", 9)
    assert list(desk.book.in_flight()) == []


def test_failed_closings_ahead_of_their_openings_keep_a_stream_small(desk: Desk) -> None:
    """Their stacks are the store's: what is written with each commit stays in kilobytes."""
    stack = "  File ...\n" * 1000
    for number in range(1, 401, 2):
        failed = closing(
            number + 1,
            number,
            "failed",
            "exception",
            exception_message="boom",
            exception_stacktrace=stack,
        )
        desk.tell(failed)
    (state,) = desk.changes.streams
    assert len(state.ahead) == 200
    assert len(msgspec.msgpack.encode(state)) < 200_000
    desk.tell(opening(1, payload='{"order": 7}'))
    found = desk.store.dead_letter(f"{SHOP.stream.hex()}-1")
    assert found is not None
    assert (found[0].settled.exception_stacktrace, found[1]) == (stack, '{"order": 7}')

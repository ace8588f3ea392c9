"""What waits for HTTP: what it holds, folds and sheds; counts are never shed."""

import gc
import json
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from afterword.delivery.batch import Batch
from afterword.delivery.buffer import FRESH_BYTES, KEPT_BYTES, KEPT_FOR_START_BYTES, MOST_SIGNS
from afterword.delivery.outbox import MOST_ARRIVALS, Outbox
from afterword.evidence import Instance, Pending
from afterword.task_record import Place, TaskRecord
from worlds.reporting import end, opening, settled, start, started, task, tell_task
from worlds.scripted_sidecar import attributes

EVERYTHING = (10**9, 10**9)
MEBIBYTE = 2**20


def records(batch: Batch) -> list[dict[str, Any]]:
    """By record, its event and its attributes."""
    read = [json.loads(line) for line in batch.lines]
    return [{"event": each["eventName"].split(".")[1], **attributes(each)} for each in read]


def told(batch: Batch) -> list[tuple[str, int]]:
    """Event and sequence of each log record of a batch."""
    return [(each["event"], int(each["deferred_task.sequence"])) for each in records(batch)]


def everything(outbox: Outbox) -> Batch:
    """All that waits, openings of open tasks included."""
    outbox.newest(0.0)
    return outbox.take(*EVERYTHING)


def numbers(record: dict[str, Any]) -> list[int]:
    """The sequence numbers that a record stands for."""
    own = [int(record["deferred_task.sequence"])]
    if record.get("deferred_task.folded"):
        own.append(int(record["deferred_task.opening_sequence"]))
        own += [int(record[key]) for key in ["deferred_task.started_sequence"] if key in record]
    for part in record.get("deferred_task.ranges", "").split():
        low, high = map(int, part.split("-"))
        own += range(low, high + 1)
    return own


def ended_in(batch: Batch) -> Counter[str]:
    """How many tasks ended with each outcome, told of or counted."""
    count: Counter[str] = Counter()
    for record in records(batch):
        if record["event"] in {"settled", "rollup"}:
            count[record["deferred_task.outcome"]] += int(record.get("deferred_task.count", 1))
    return count


def test_a_task_that_began_and_ended_here_is_one_record() -> None:
    """Opening, start and closing fold, the payload of a completed task is left behind."""
    outbox = Outbox(MEBIBYTE)
    tell_task(outbox, 1, payload='{"secret":1}')
    [record] = records(everything(outbox))
    assert record["event"] == "settled"
    assert sorted(numbers(record)) == [1, 2, 3]
    assert "deferred_task.payload" not in record


def test_a_failed_task_keeps_its_payload_when_folded() -> None:
    """Its dead letter will want it."""
    outbox = Outbox(MEBIBYTE)
    tell_task(outbox, 1, payload="[1]", outcome="failed")
    [record] = records(everything(outbox))
    assert record["deferred_task.payload"] == "[1]"
    assert record["exception.message"] == "no such order"


def test_what_left_is_not_folded_into() -> None:
    """A closing after its opening has left goes by itself, and stands on its own."""
    outbox = Outbox(MEBIBYTE)
    begun = task(1)
    outbox.opened(begun)
    assert told(everything(outbox)) == [("scheduled", 1)]
    outbox.started(start(begun, 2))
    outbox.settled(end(begun, 3))
    assert told(everything(outbox)) == [("started", 2), ("settled", 3)]


def test_what_was_to_leave_and_has_not_is_folded_all_the_same() -> None:
    """While nothing leaves, as in an outage, a task's records become one however late they come."""
    outbox = Outbox(MEBIBYTE)
    begun = task(1)
    outbox.opened(begun)
    outbox.newest(0.0)
    outbox.started(start(begun, 2))
    mark = outbox.newest(0.0)
    outbox.settled(end(begun, 3))
    assert outbox.passed() < mark, "whoever waits for the opening waits for what took its place"
    [record] = records(everything(outbox))
    assert sorted(numbers(record)) == [1, 2, 3]


def test_other_records_are_kept_in_order() -> None:
    """Instance records stand alone; a pending record comes after its task's opening, and stays."""
    outbox = Outbox(MEBIBYTE)
    begun = task(2)
    outbox.put(Instance(1, 0, "up", 0, 0))
    outbox.opened(begun)
    outbox.put(Pending(3, 0, begun.opening, "shutdown", "await x"))
    outbox.settled(end(begun, 4))
    expected = [("instance", 1), ("scheduled", 2), ("pending", 3), ("settled", 4)]
    assert told(everything(outbox)) == expected


def test_facts_are_taken_as_well() -> None:
    """Of a task whose record nobody has; they stay apart."""
    outbox, begun = Outbox(MEBIBYTE), opening(1)
    for fact in (begun, started(begun, 2), settled(begun, 3)):
        outbox.put(fact)
    assert told(everything(outbox)) == [("scheduled", 1), ("started", 2), ("settled", 3)]


def test_batches_are_bounded_and_never_empty() -> None:
    """The oldest leave first, at most so many, but one always: else it would block for ever."""
    outbox = Outbox(MEBIBYTE)
    for number in range(1, 6):
        outbox.opened(task(number))
    mark = outbox.newest(0.0)
    assert [number for _, number in told(outbox.take(2, 10**9))] == [1, 2]
    assert [number for _, number in told(outbox.take(10**9, 1))] == [3]
    assert outbox.passed() == mark - 2
    assert [number for _, number in told(outbox.take(*EVERYTHING))] == [4, 5]
    assert outbox.passed() == mark
    assert outbox.take(*EVERYTHING).lines == []
    assert outbox.empty


def test_payloads_are_shed_before_tasks_oldest_first() -> None:
    """A full buffer forgets the oldest payload, says so in the opening, and keeps all records."""
    outbox = Outbox(5 * FRESH_BYTES + 2500)
    for number in (1, 2, 3, 4):
        outbox.opened(task(number, payload="x" * 1000))
    openings = records(everything(outbox))
    assert [each.get("deferred_task.payload", "")[:1] for each in openings] == ["", "", "x", "x"]
    assert "buffer was full" in openings[0]["deferred_task.payload_omitted"]
    assert outbox.shed_records == 0


def test_then_whole_tasks_become_counts_and_newcomers_are_announced() -> None:
    """Room is made for openings; what was counted says how many, and for which numbers."""
    outbox = Outbox(400_000)
    for first in range(1, 6001, 3):
        tell_task(outbox, first, outcome="failed" if first % 2 else "completed")
    outbox.opened(task(6001))
    batch = everything(outbox)
    assert ended_in(batch) == {"completed": 1000, "failed": 1000}
    covered = [number for record in records(batch) for number in numbers(record)]
    assert sorted(covered) == list(range(1, 6002))
    rollups = [each for each in records(batch) if each["event"] == "rollup"]
    assert {each["deferred_task.name"] for each in rollups} == {"shop.send_mail"}
    assert ("scheduled", 6001) in told(batch)
    assert outbox.shed_records == 0


def test_what_finds_no_room_for_its_opening_is_counted_when_it_ends() -> None:
    """As many tasks as fit are announced; the others are told of when they end, none is lost."""
    outbox = Outbox(20 * FRESH_BYTES)
    begun = [task(number) for number in range(1, 101)]
    for each in begun:
        outbox.opened(each)
    announced = [number for event, number in told(everything(outbox)) if event == "scheduled"]
    assert 10 <= len(announced) < 30
    for each in begun:
        outbox.settled(end(start(each, 100 + each.sequence), 200 + each.sequence))
    batch = everything(outbox)
    assert ended_in(batch) == {"completed": 100}
    closings = {int(each["deferred_task.opening_sequence"]) for each in records(batch)
                if each["event"] == "settled" and "deferred_task.folded" not in each}  # fmt: skip
    assert closings == set(announced)


def test_what_found_no_room_is_announced_when_there_is_room_again() -> None:
    """What is open when an outage is over must be known to be open, should the process die now."""
    outbox = Outbox(20 * FRESH_BYTES)
    begun = [task(number) for number in range(1, 31)]
    for each in begun:
        outbox.opened(each)
    first = everything(outbox)
    for each in begun[:10]:
        outbox.settled(end(start(each, 100 + each.sequence), 200 + each.sequence))
    outbox.release(first)
    later = [number for event, number in told(everything(outbox)) if event == "scheduled"]
    at_first = [number for event, number in told(first) if event == "scheduled"]
    assert at_first + later == list(range(1, 31))
    assert later
    outbox.settled(end(begun[29], 300))
    assert told(everything(outbox)) == [("settled", 300)]


def test_the_closing_of_an_opening_that_left_always_fits() -> None:
    """Its place is kept; only its stack is given up when there is no room for that."""
    outbox = Outbox(6 * FRESH_BYTES)
    first = task(1)
    outbox.opened(first)
    outbox.release(everything(outbox))
    for number in range(2, 20):
        outbox.opened(task(number))
    outbox.settled(end(first, 20, "failed", stack="x" * 9000))
    [closing] = [each for each in records(everything(outbox)) if each["event"] == "settled"]
    assert numbers(closing) == [20]
    assert "exception.stacktrace" not in closing
    assert closing["error.type"] == "KeyError"


def test_the_start_of_an_opening_that_left_always_fits() -> None:
    """Its place is kept too: that it began is all that is known of a task that is killed."""
    outbox = Outbox(10 * FRESH_BYTES)
    begun = [task(number) for number in range(1, 41)]
    for each in begun:
        outbox.opened(each)
    announced = [number for _, number in told(everything(outbox))]
    assert 0 < len(announced) < len(begun)
    for each in begun:
        outbox.started(start(each, 100 + each.sequence))
    outbox.passed()  # sorts in what lies before the buffer
    assert outbox.shed_records == 0
    assert {number - 100 for _, number in told(everything(outbox))} >= set(announced)


def test_what_the_process_says_of_itself_is_never_shed() -> None:
    """Who cannot speak for want of room is taken for dead; nor does it fill the memory."""
    outbox = Outbox(1)
    for number in range(1, 41):
        outbox.put(Instance(number, 0, "beat", 5, 3, 30.0))
    beats = [number for event, number in told(everything(outbox)) if event == "instance"]
    assert len(beats) == MOST_SIGNS
    assert outbox.shed_records == 40 - MOST_SIGNS
    outbox.put(Instance(41, 0, "down", 5, 3))
    assert told(everything(outbox)) == [("instance", 41)]


def test_where_a_task_is_pending_is_told_in_the_room_for_its_closing() -> None:
    """A full buffer that loses such a record would leave a hole: it loses the place instead."""
    outbox = Outbox(10 * FRESH_BYTES)
    begun = [task(number) for number in range(1, 41)]
    for each in begun:
        outbox.opened(each)
    announced = {number for _, number in told(everything(outbox))}
    for each in begun:
        if each.sequence in announced:
            where = "x" * 1000
            outbox.put(Pending(100 + each.sequence, 0, each.opening, "shutdown", where))
    outbox.passed()
    assert outbox.size_bytes <= 10 * FRESH_BYTES
    pending = [each for each in records(everything(outbox)) if each["event"] == "pending"]
    assert {int(each["deferred_task.opening_sequence"]) for each in pending} == announced
    assert "deferred_task.awaiting" not in pending[-1]
    assert outbox.shed_records == 0


def test_what_is_not_yet_in_the_buffer_is_little() -> None:
    """Beyond the bound on memory there are a few dozen small records."""
    outbox = Outbox(MEBIBYTE)
    for first in range(1, 3001, 3):
        tell_task(outbox, first)
    assert 1000 - MOST_ARRIVALS < outbox.lines <= 1000


EMPTY_PLACE_BYTES = 200
"""Dictionaries do not shrink when what was in them has left."""
KINDS = ["open", "announced", "ended", "failed", "left", "closed later"]


@pytest.mark.parametrize("payload_bytes", [0, 500])
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_cover_the_memory_that_is_used(kind: str, payload_bytes: int) -> None:
    """The bound bounds memory: ``tracemalloc`` finds no more than is counted for the tasks."""
    outbox = Outbox(10**9)
    place = Place((1 << 127) + 1, (1 << 63) + 1, (1 << 63) + 2, sampled=True)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        begun = _filled(outbox, kind, payload_bytes, place)
        counted = outbox.size_bytes
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    if kind == "open":
        counted += len(begun) * (FRESH_BYTES + payload_bytes)
    if kind == "closed later":
        counted += 2000 * EMPTY_PLACE_BYTES
    assert used <= counted
    assert used >= counted / 3 or kind in {"left", "open", "announced"}


def _filled(outbox: Outbox, kind: str, payload_bytes: int, place: Place) -> list[TaskRecord]:
    """Two thousand tasks of one kind; no value in them is shared, as in a real process."""
    firsts = range(10_000, 16_000, 3)
    payloads = ["p" * (payload_bytes + first % 2) if payload_bytes else None for first in firsts]
    begun = [task(*each, place) for each in zip(firsts, payloads, strict=True)]
    for each in begun:
        outbox.opened(each)
    if kind == "announced":
        outbox.newest(0.0)
    if kind in {"left", "closed later"}:
        outbox.release(everything(outbox))
    if kind in {"ended", "failed", "closed later"}:
        for each in begun:
            number = each.sequence + 2
            outcome, stack = ("failed", "x" * number) if kind == "failed" else ("completed", "")
            outbox.settled(end(start(each, number - 1), number, outcome, stack))
    outbox.passed()
    return begun if kind == "open" else []


class Traffic(RuleBasedStateMachine):
    """A small buffer under arbitrary traffic, beside a model of where each task stands."""

    CAPACITY = 30_000
    COUNTS = 2 * 2000
    """What cannot be shed: of two outcomes."""
    SIGNS = MOST_SIGNS * 1000
    """Nor what the process says of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(self.CAPACITY)
        self.sequence = 0
        self.open: list[TaskRecord] = []
        self.ended: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.covered: Counter[int] = Counter()
        self.out: list[Batch] = []
        self.beats = 0

    def number(self) -> int:
        self.sequence += 1
        return self.sequence

    @rule(payload=st.none() | st.integers(0, 4000))
    def hand_over(self, payload: int | None) -> None:
        begun = task(self.number(), None if payload is None else "p" * payload)
        self.open.append(begun)
        self.outbox.opened(begun)

    @rule(many=st.integers(1, 40))
    def do(self, many: int) -> None:
        for _ in range(many):
            tell_task(self.outbox, self.number())
            self.sequence += 2
        self.ended["completed"] += many

    @precondition(lambda self: self.open)
    @rule(
        data=st.data(), stack=st.integers(0, 6000), outcome=st.sampled_from(["completed", "failed"])
    )
    def end(self, data: st.DataObject, stack: int, outcome: str) -> None:
        begun = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.ended[outcome] += 1
        self.outbox.settled(end(begun, self.number(), outcome, "s" * stack))

    @precondition(lambda self: any(not each.started_sequence for each in self.open))
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        waiting = [each for each in self.open if not each.started_sequence]
        self.outbox.started(start(data.draw(st.sampled_from(waiting)), self.number()))

    @precondition(lambda self: self.beats < MOST_SIGNS)
    @rule()
    def beat(self) -> None:
        self.beats += 1
        self.outbox.put(Instance(self.number(), 0, "beat", 5, 3, 30.0))

    @rule()
    def announce(self) -> None:
        self.outbox.newest(0.0)

    @rule(lines=st.integers(1, 12), size_bytes=st.integers(1, 6000))
    def send(self, lines: int, size_bytes: int) -> None:
        batch = self.outbox.take(lines, size_bytes)
        self.told += ended_in(batch)
        self.covered.update(number for record in records(batch) for number in numbers(record))
        self.out.append(batch)

    @precondition(lambda self: self.out)
    @rule()
    def acknowledge(self) -> None:
        self.outbox.release(self.out.pop(0))

    @invariant()
    def bounded(self) -> None:
        self.outbox.passed()  # sorts in what lies before it
        assert 0 <= self.outbox.size_bytes <= self.CAPACITY + self.COUNTS + self.SIGNS

    def teardown(self) -> None:
        """All that ended was told once, no number is missing; what is empty keeps room, no more."""
        self.announce()
        self.send(10**9, 10**9)
        for batch in self.out:
            self.outbox.release(batch)
        assert self.told == self.ended
        assert set(self.covered.values()) <= {1}
        untold = set(range(1, self.sequence + 1)) - set(self.covered)
        assert untold <= {each.sequence for each in self.open} | {
            each.started_sequence for each in self.open
        }
        assert self.outbox.shed_records == 0
        most_kept = KEPT_BYTES + KEPT_FOR_START_BYTES
        assert self.outbox.size_bytes % KEPT_FOR_START_BYTES == 0
        assert self.outbox.size_bytes <= most_kept * len(self.open)


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(
    derandomize=True, deadline=None, max_examples=50, stateful_step_count=40
)

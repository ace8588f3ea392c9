"""The buffer of HTTP delivery: what it holds, folds and sheds."""

import gc
import json
import tracemalloc

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from afterword.delivery.buffer import KEPT_BYTES, Buffer
from afterword.delivery.entry import Batch
from afterword.delivery.outbox import MOST_ARRIVALS, Outbox
from afterword.evidence import Failure, Instance, Opening, Pending, Record, Settled, Started
from worlds.reporting import AT_NS, opening, settled, started, whole_task
from worlds.scripted_sidecar import attributes

EVERYTHING = (10**9, 10**9)


def told(batch: Batch) -> list[tuple[str, int]]:
    """Event and sequence of each log record of a batch."""
    records = [json.loads(encoded) for encoded in batch.encode()]
    return [
        (each["eventName"].split(".")[1], int(attributes(each)["deferred_task.sequence"]))
        for each in records
    ]


def filled(records: list[Record], capacity_bytes: int = 10**6) -> Buffer:
    buffer = Buffer(capacity_bytes)
    for record in records:
        buffer.add(record)
    return buffer


def test_a_task_that_began_and_ended_here_is_one_record() -> None:
    """Opening, start and closing fold, the payload of a completed task is left behind."""
    batch = filled(whole_task(1, payload='{"secret":1}')).take(*EVERYTHING)
    assert told(batch) == [("settled", 3)]
    record = attributes(json.loads(batch.encode()[0]))
    assert record["deferred_task.folded"] is True
    assert record["deferred_task.opening_sequence"] == "1"
    assert record["deferred_task.started_sequence"] == "2"
    assert "deferred_task.payload" not in record
    assert batch.records == 3


def test_a_failed_task_keeps_its_payload_when_folded() -> None:
    """Its dead letter will want it."""
    batch = filled(whole_task(1, payload="[1]", outcome="failed")).take(*EVERYTHING)
    record = attributes(json.loads(batch.encode()[0]))
    assert record["deferred_task.payload"] == "[1]"
    assert record["exception.message"] == "no such order"


def test_an_order_of_arrival_other_than_that_of_events_folds_too() -> None:
    """Threads may hand in a closing before its opening."""
    batch = filled(list(reversed(whole_task(1)))).take(*EVERYTHING)
    assert told(batch) == [("settled", 3)]


def test_a_start_that_comes_after_the_closing_goes_by_itself() -> None:
    """Opening and closing are one record by then; the start's number still arrives, once."""
    begun, start, end = whole_task(1)
    batch = filled([begun, end, start]).take(*EVERYTHING)
    assert sorted(told(batch)) == [("settled", 3), ("started", 2)]


def test_what_left_is_not_folded_into() -> None:
    """A closing after its opening has left goes by itself, and stands on its own."""
    begun = opening(1)
    buffer = filled([begun])
    assert told(buffer.take(*EVERYTHING)) == [("scheduled", 1)]
    buffer.add(started(begun, 2))
    buffer.add(settled(begun, 3))
    assert told(buffer.take(*EVERYTHING)) == [("started", 2), ("settled", 3)]


def test_other_records_are_kept_in_order() -> None:
    """Instance records stand alone; a pending record goes with its task."""
    begun = opening(2)
    up, pending = Instance(1, 0, "up", 0, 0), Pending(3, 0, begun, "shutdown", "await x")
    batch = filled([up, begun, pending]).take(*EVERYTHING)
    assert told(batch) == [("instance", 1), ("scheduled", 2), ("pending", 3)]


def test_batches_are_bounded_and_never_empty() -> None:
    """The oldest leave first, at most so many, but one always: else it would block for ever."""
    buffer = filled([opening(number) for number in range(1, 6)])
    assert [number for _, number in told(buffer.take(2, 10**9))] == [1, 2]
    assert [number for _, number in told(buffer.take(10**9, 1))] == [3]
    oldest = [buffer.oldest]
    assert [number for _, number in told(buffer.take(*EVERYTHING))] == [4, 5]
    assert [*oldest, buffer.oldest] == [4, None]
    assert buffer.take(*EVERYTHING).entries == []


def test_payloads_are_shed_before_tasks_oldest_first() -> None:
    """A full buffer forgets the oldest payload, says so in the opening, and keeps all records."""
    buffer = filled([opening(number, "x" * 1000) for number in (1, 2, 3)], 3 * 2700)
    buffer.add(opening(4, "y" * 1000))
    records = [attributes(json.loads(each)) for each in buffer.take(*EVERYTHING).encode()]
    payloads = [record.get("deferred_task.payload", "")[:1] for record in records]
    assert payloads == ["", "", "x", "y"]
    assert "buffer was full" in records[0]["deferred_task.payload_omitted"]
    assert (buffer.shed_details, buffer.shed_records) == (2, 0)


def test_then_whole_tasks_then_newcomers() -> None:
    """Detail of ended tasks makes room for openings; without any, a new opening is shed."""
    buffer = filled([*whole_task(1), *whole_task(4), opening(7)], 2 * 1030 + 2 * 1400 - 1)
    buffer.add(opening(8))
    assert buffer.shed_records == 3
    buffer.add(opening(9))
    assert buffer.shed_records == 6
    buffer.add(opening(10))
    buffer.add(opening(11))
    assert [number for _, number in told(buffer.take(*EVERYTHING))] == [7, 8, 9]
    assert buffer.shed_records == 8


def test_the_closing_of_an_opening_that_left_always_fits() -> None:
    """Its place is kept; only its stack is given up when there is no room for that."""
    first = opening(1)
    buffer = filled([first], 4500)
    buffer.release(buffer.take(*EVERYTHING))
    for number in (2, 3, 4, 5):
        buffer.add(opening(number))
    buffer.add(settled(first, 6, "failed", stack="x" * 9000))
    assert ("settled", 6) in told(buffer.take(*EVERYTHING))
    assert buffer.shed_details == 1


def test_what_is_not_yet_in_the_buffer_is_little() -> None:
    """Beyond the bound on memory there are a few dozen small records, and never a payload."""
    outbox = Outbox(10**7)
    for number in range(1, 1001):
        outbox.put(opening(number))
    assert 1000 - MOST_ARRIVALS < outbox.records <= 1000
    outbox.put(opening(1001, "x" * 50_000))
    assert outbox.records == 1001
    assert outbox.take(*EVERYTHING).records == 1001


KINDS = ["open", "started", "ended", "failed", "left", "closed later"]


@pytest.mark.parametrize("payload_bytes", [0, 500])
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_cover_the_memory_that_is_used(kind: str, payload_bytes: int) -> None:
    """The bound bounds memory: ``tracemalloc`` finds no more than the buffer counts."""
    buffer = Buffer(10**9)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        _fill(buffer, kind, payload_bytes)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert used <= buffer.size_bytes
    assert used >= buffer.size_bytes / 2 or kind in {"left", "open", "started"}


def _fill(buffer: Buffer, kind: str, payload_bytes: int) -> None:
    """Two thousand tasks of one kind; no value in them is shared, as in a real process."""
    firsts = range(10_000, 16_000, 3)
    begun = [_distinct_opening(first, payload_bytes) for first in firsts]
    for each in begun:
        buffer.add(each)
    if kind in {"left", "closed later"}:
        buffer.release(buffer.take(*EVERYTHING))
    for each in begun:
        number = each.sequence + 1
        if kind in {"started", "ended", "failed"}:
            buffer.add(Started(number, AT_NS + number, each, number / 7))
        if kind in {"ended", "failed", "closed later"}:
            buffer.add(_distinct_closing(each, number + 1, failed=kind == "failed"))


def _distinct_opening(number: int, payload_bytes: int) -> Opening:
    trace = (1 << 127) + number
    payload = "p" * (payload_bytes + number % 2) if payload_bytes else None
    at_ns = AT_NS + number
    return opening(number, payload, at_ns=at_ns, trace_id=trace, span_id=(1 << 63) + number)


def _distinct_closing(begun: Opening, number: int, *, failed: bool) -> Settled:
    failure = Failure("KeyError", "KeyError", f"order {number}", "x" * number) if failed else None
    outcome = "failed" if failed else "completed"
    times = (number / 3, number / 7)
    return Settled(number, AT_NS + number, begun, outcome, "any", *times, failure)


class Traffic(RuleBasedStateMachine):
    """A small buffer under arbitrary traffic, beside a model of where each task stands."""

    CAPACITY = 9000

    def __init__(self) -> None:
        super().__init__()
        self.buffer = Buffer(self.CAPACITY)
        self.sequence = 0
        self.given = 0
        self.left: set[int] = set()
        self.arrived: list[int] = []
        self.open: list[Opening] = []
        self.owed: set[int] = set()
        self.out: list[Batch] = []
        self.gone = 0

    def number(self) -> int:
        self.sequence += 1
        self.given += 1
        return self.sequence

    @rule(payload=st.none() | st.integers(0, 4000))
    def hand_over(self, payload: int | None) -> None:
        begun = opening(self.number(), None if payload is None else "p" * payload)
        self.open.append(begun)
        self.buffer.add(begun)

    @precondition(lambda self: self.open)
    @rule(
        data=st.data(), stack=st.integers(0, 6000), outcome=st.sampled_from(["completed", "failed"])
    )
    def end(self, data: st.DataObject, stack: int, outcome: str) -> None:
        begun = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        number = self.number()
        if begun.sequence in self.left:
            self.owed.add(number)
        self.buffer.add(settled(begun, number, outcome, "s" * stack))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        begun = data.draw(st.sampled_from(self.open))
        self.buffer.add(started(begun, self.number()))

    @rule(records=st.integers(1, 12), size_bytes=st.integers(1, 6000))
    def send(self, records: int, size_bytes: int) -> None:
        batch = self.buffer.take(records, size_bytes)
        self.gone += batch.records
        for entry in batch.entries:
            if entry.opening:
                self.left.add(entry.opening.sequence)
            if entry.settled:
                self.owed.discard(entry.settled.sequence)
        self.arrived += [number for _, number in told(batch)]
        self.out.append(batch)

    @precondition(lambda self: self.out)
    @rule()
    def acknowledge(self) -> None:
        self.buffer.release(self.out.pop(0))

    @invariant()
    def bounded(self) -> None:
        assert 0 <= self.buffer.size_bytes <= self.CAPACITY

    @invariant()
    def balanced(self) -> None:
        assert self.given == self.gone + self.buffer.records + self.buffer.shed_records

    def teardown(self) -> None:
        """What is owed comes out in the end, and an empty buffer weighs only what it keeps."""
        self.send(10**9, 10**9)
        for batch in self.out:
            self.buffer.release(batch)
        assert not self.owed
        assert len(set(self.arrived)) == len(self.arrived)
        awaited = sum(begun.sequence in self.left for begun in self.open)
        assert self.buffer.size_bytes == KEPT_BYTES * awaited


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(derandomize=True, deadline=None)

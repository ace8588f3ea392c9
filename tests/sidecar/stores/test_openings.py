"""The log of openings against a plain dictionary: nothing is lost, raised, or kept for ever."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from afterword_sidecar.ledger.facts import Source
from afterword_sidecar.ledger.records import OpenTask, TaskKey
from afterword_sidecar.stores.sqlite.openings import Cleaning, Openings, Plan, StoredRow
from worlds.bookkeeping import SHOP, TILL, key_of, opening

NAMED = replace(SHOP, resource='{"k8s.pod.name":"p1"}')
SOURCES = [SHOP, NAMED, TILL, *(Source(bytes([each]) * 24, "elsewhere") for each in range(3))]
EAGER = Cleaning(page=3, factor=0.5, slack_bytes=0, sparse=2, slack_rows=1, effort=1)


class Table:
    """The rows of the log, as a table would keep them."""

    def __init__(self, cleaning: Cleaning | None = None) -> None:
        self.cleaning = cleaning
        self.rows: dict[int, StoredRow] = {}
        self.payloads: set[TaskKey] = set()
        self.openings = Openings(cleaning)

    def plan(self, opened: list[OpenTask], closed: list[TaskKey], paid: set[TaskKey]) -> Plan:
        payloads = dict.fromkeys(paid, "payload")
        return self.openings.plan(opened, closed, payloads, lambda row: self.rows[row].openings)

    def commit(
        self, opened: list[OpenTask], closed: list[TaskKey], paid: set[TaskKey] | None = None
    ) -> Plan:
        plan = self.plan(opened, closed, paid or set())
        for row_id in plan.dropped:
            del self.rows[row_id]
        for row in plan.written:
            assert row.id not in self.rows
            self.rows[row.id] = row
        self.payloads |= plan.carrying
        self.payloads -= set(plan.erased)
        self.openings.apply(plan)
        return plan

    def replayed(self) -> tuple[Openings, dict[TaskKey, OpenTask]]:
        openings = Openings(self.cleaning)
        tasks = openings.replay(sorted(self.rows.values()), set(self.payloads))
        assert len({key_of(each) for each in tasks}) == len(tasks)
        return openings, {key_of(each): each for each in tasks}

    @property
    def bytes(self) -> int:
        return sum(len(row.openings) + len(row.closed) for row in self.rows.values())


class LogMachine(RuleBasedStateMachine):
    """Random commits, failed commits and restarts, with a cleaner that never rests."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(EAGER)
        self.model: dict[TaskKey, OpenTask] = {}
        self.paid: set[TaskKey] = set()
        self.version = 0

    def chosen(self, data: st.DataObject) -> tuple[list[OpenTask], list[TaskKey], set[TaskKey]]:
        self.version += 1
        fresh = data.draw(st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(1, 12))))
        opened = [opening(each, source, started_at=float(self.version)) for source, each in fresh]
        known = sorted(self.model)
        again = data.draw(st.lists(st.sampled_from(known))) if known else []
        opened += [replace(self.model[key], started_at=float(self.version)) for key in again]
        keys = known + [key_of(each) for each in opened]
        closed = data.draw(st.lists(st.sampled_from(keys))) if keys else []
        paid = {key_of(each) for each in opened[::2]}
        return opened, closed, paid

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        opened, closed, paid = self.chosen(data)
        before = set(self.model)
        plan = self.table.commit(opened, closed, paid)
        assert set(plan.erased) == set(closed) & before & self.paid
        self.model |= {key_of(each): each for each in opened}
        for key in closed:
            self.model.pop(key, None)
        self.paid = (self.paid | paid) & set(self.model)

    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        self.table.plan(*self.chosen(data))

    @rule()
    def restart(self) -> None:
        self.table.openings, tasks = self.table.replayed()
        assert tasks == self.model

    @invariant()
    def the_rows_say_what_is_open(self) -> None:
        fresh, tasks = self.table.replayed()
        assert tasks == self.model
        assert self.table.payloads == self.paid
        assert self.table.openings.stored_bytes == fresh.stored_bytes == self.table.bytes
        assert self.table.openings.live_bytes == fresh.live_bytes <= self.table.bytes


LogMachine.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_the_log_equals_a_dictionary = LogMachine.TestCase


def test_closed_tasks_leave_nothing() -> None:
    """A book without open tasks has an empty log: openings and closings are all gone."""
    table = Table()
    tasks = [opening(number) for number in range(1, 2_001)]
    table.commit(tasks, [])
    assert len(table.rows) == 4
    table.commit([], [key_of(each) for each in tasks])
    assert table.rows == {}


@pytest.mark.parametrize("long_lived", [1, 700])
def test_the_disk_does_not_grow_under_churn(long_lived: int) -> None:
    """Tasks that stay open for ever do not hold back the garbage of 20,000 that pass them."""
    cleaning = Cleaning(page=64, slack_bytes=8_192, slack_rows=16)
    table = Table(cleaning)
    table.commit([opening(number) for number in range(1, long_lived + 1)], [])
    sizes, counts = [], []
    passing: list[OpenTask] = []
    for number in range(1_000):
        fresh = [opening(10_000 + number * 20 + each) for each in range(20)]
        table.commit(fresh, [key_of(each) for each in passing])
        passing = fresh
        sizes.append(table.bytes / (table.openings.live_bytes + cleaning.slack_bytes))
        counts.append(len(table.rows))
    assert max(sizes) < 2.5
    assert max(counts) < 16 + (long_lived + 40) // 8 + 20
    assert len(table.replayed()[1]) == long_lived + 20


def test_tasks_opened_one_by_one_are_gathered() -> None:
    """A row a task would cost more than the task: sparse rows are merged as more come."""
    table = Table(Cleaning(slack_rows=64))
    for number in range(1, 3_001):
        table.commit([opening(number)], [])
    assert len(table.rows) <= 64 + 3_000 // 8 + 1
    assert len(table.replayed()[1]) == 3_000


def test_no_commit_cleans_more_than_its_share() -> None:
    """However much garbage there is, a small commit reads a bounded number of old openings."""
    table = Table(Cleaning(page=50, slack_bytes=0, factor=0.1))
    tasks = [opening(number) for number in range(1, 20_001)]
    table.commit(tasks, [])
    moved, closed = [], [key_of(tasks[0])]
    for first in range(0, 20_000, 20):
        closed = [key_of(each) for each in tasks[first : first + 20 : 2]]
        moved.append(sum(map(len, table.commit([], closed).keys)))
    assert 0 < max(moved) <= 50 + 4 * len(closed) + 50
    assert len(table.replayed()[1]) == 10_000

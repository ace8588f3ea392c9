"""Rollups: whatever tasks are counted, the counts and the numbers they stand for are exact."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterword import names
from afterword.delivery import shedding
from afterword.delivery.shedding import Rollups, without_detail
from afterword.evidence import Settled, TaskKind
from afterword.otlp_json import encode_folded
from afterword_sidecar.otlp.limits import ROLLUP_SEQUENCES
from afterword_sidecar.otlp.rollups import ranges_of
from worlds.reporting import opening, settled

_KINDS = [TaskKind("a", "asyncio"), TaskKind("b", "vercel", "replay"), TaskKind("ü", "x")]
_ENDINGS = [("completed", "completed"), ("failed", "exception"), ("dropped", "shutdown")]
_ALIKE = st.tuples(st.sampled_from(_KINDS), st.sampled_from(_ENDINGS), st.booleans())


@st.composite
def _tasks(draw: st.DrawFn) -> list[tuple[Settled, int]]:
    """Closings with what they fold, and the number of their start (0: none).

    Numbers have gaps, as those of tasks that are open still, and tasks lie in one another.
    """
    shapes = draw(st.lists(_ALIKE, min_size=1, max_size=60))
    free = draw(st.permutations(range(1, 4 * len(shapes) + 10)))
    tasks = []
    for kind, (outcome, reason), has_start in shapes:
        first, second, third = sorted(free[:3])
        free = free[3:]
        begun = opening(first)._replace(kind=kind)
        tasks.append((Settled(third, 1, begun, outcome, reason), second if has_start else 0))
    return tasks


@settings(deadline=None, max_examples=100)
@given(_tasks(), st.integers(1, 70), st.sampled_from([(4000, 9_000_000), (6, 1000), (40, 7)]))
def test_counts_and_numbers_are_exact(
    tasks: list[tuple[Settled, int]], at_once: int, most_in_a_record: tuple[int, int]
) -> None:
    """By name, platform, origin, outcome and reason; each number in one record, none invented."""
    rollups = Rollups()
    lines = [encode_folded(each, start).encode() for each, start in tasks]
    for first in range(0, len(lines), at_once):
        rollups.add(lines[first : first + at_once])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shedding, "MOST_RANGES", most_in_a_record[0])
        patch.setattr(shedding, "MOST_NUMBERS", most_in_a_record[1])
        taken = rollups.take()
    counted: Counter[tuple[str, ...]] = Counter()
    covered: list[int] = []
    for record in map(json.loads, taken):
        told = {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}
        ranges = [tuple(map(int, each.split("-"))) for each in told[names.RANGES].split()]
        assert ranges == sorted(ranges), "a sidecar takes them ascending"
        mine = [number for low, high in ranges for number in range(low, high + 1)]
        count = int(told[names.COUNT])
        assert 0 < count <= len(mine), "a sidecar takes no more tasks than numbers"
        assert len(ranges) <= most_in_a_record[0]
        assert len(mine) < most_in_a_record[1]
        covered += [*mine, int(told[names.SEQUENCE])]
        alike = (names.NAME, names.PLATFORM, names.ORIGIN, names.OUTCOME, names.REASON)
        counted[tuple(told[key] for key in alike)] += count
    expected = [number for each, start in tasks for number in _of(each, start)]
    assert sorted(covered) == sorted(expected)
    assert counted == Counter(
        (*each.opening.kind[:3], each.outcome, each.reason) for each, _ in tasks
    )
    assert not rollups, "what was taken is not counted again"


def _of(closing: Settled, start: int) -> list[int]:
    return [closing.opening.sequence, *([start] if start else []), closing.sequence]


def test_scattered_numbers_go_into_several_records() -> None:
    """A sidecar takes 4096 ranges in one record, and 10 MiB in one request."""
    rollups = Rollups()
    for first in range(1, 60_000, 640):
        begun = [opening(number) for number in range(first, first + 640, 10)]
        rollups.add([encode_folded(settled(each, each.sequence + 5)).encode() for each in begun])
    taken = [json.loads(line) for line in rollups.take()]
    assert len(taken) > 1
    told = [
        {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}
        for record in taken
    ]
    assert sum(int(each[names.COUNT]) for each in told) == 6_016
    assert max(len(each[names.RANGES].split()) for each in told) <= 4096


def test_many_tasks_that_come_at_once_go_into_records_that_a_sidecar_takes() -> None:
    """As many as gather while the buffer is busy, among others that are open still."""
    rollups = Rollups()
    begun = [opening(number) for number in range(1, 20_000, 10)]
    rollups.add([encode_folded(settled(each, each.sequence + 5)).encode() for each in begun])
    assert sum(_taken(line) for line in rollups.take()) == 2000


def test_more_numbers_than_one_record_may_stand_for_go_into_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An outage of hours: no sidecar turns the count of it away."""
    assert shedding.MOST_NUMBERS < ROLLUP_SEQUENCES
    monkeypatch.setattr(shedding, "MOST_NUMBERS", 1_000)
    rollups = Rollups()
    for first in range(1, 3_000, 100):
        begun = [opening(number) for number in range(first, first + 100, 2)]
        rollups.add([encode_folded(settled(each, each.sequence + 1)).encode() for each in begun])
    taken = rollups.take()
    assert len(taken) == 3
    assert sum(_taken(line) for line in taken) == 1500


def test_an_outage_without_end_takes_room_for_what_is_open_only() -> None:
    """Thousands end in another order than they began: the gaps between their numbers close."""
    rollups, open_at_once, closed = Rollups(), 5000, 0
    for first in range(1, 30_000, 10_000):
        shuffled = [first + number * 7919 % open_at_once for number in range(open_at_once)]
        for ending in range(0, open_at_once, 100):
            rollups.add(
                [
                    encode_folded(settled(opening(number), number + open_at_once)).encode()
                    for number in shuffled[ending : ending + 100]
                ]
            )
        assert rollups.size_bytes < 1000
        closed += open_at_once
    [record] = rollups.take()
    assert _taken(record) == closed


def test_names_without_end_take_no_room_without_end() -> None:
    """Tasks that each have a name of their own: beyond a bound they are counted together."""
    rollups = Rollups()
    for first in range(1, 6000, 2):
        begun = opening(first)._replace(kind=TaskKind(f"send to {first}", "asyncio"))
        rollups.add([encode_folded(settled(begun, first + 1)).encode()])
    taken = rollups.take()
    assert len(taken) == shedding.MOST_ALIKE + 1
    assert sum(map(_taken, taken)) == 3000
    assert _taken(taken[-1]) == 2000
    assert b'"_other"' in taken[-1]


def _taken(line: bytes) -> int:
    """How many tasks a sidecar counts for this record; raises where it turns it away."""
    told = {
        each["key"]: next(iter(each["value"].values())) for each in json.loads(line)["attributes"]
    }
    count = int(told[names.COUNT])
    assert ranges_of(told[names.RANGES], count)
    return count


def test_long_texts_leave_a_record_and_nothing_else() -> None:
    """The class of an error stays; a record without long texts stays as it is."""
    begun = opening(1, payload='{"a":"ü"}')
    line = encode_folded(settled(begun, 2, "failed", stack="x" * 1000)).encode()
    lighter = without_detail(line, "why")
    record = json.loads(lighter)
    told = {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}
    assert told[names.PAYLOAD_OMITTED] == "why"
    assert told[names.ERROR_TYPE] == "KeyError"
    assert {names.PAYLOAD, names.EXCEPTION_STACKTRACE, names.EXCEPTION_MESSAGE}.isdisjoint(told)
    assert without_detail(lighter, "again") is lighter

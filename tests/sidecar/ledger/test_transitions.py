"""The transition table: total, and carried out as it stands."""

import re
from pathlib import Path

import pytest

from afterword_sidecar.ledger.facts import Fact, Instance, InvocationEnded, Pending, SpanEnded
from afterword_sidecar.ledger.transitions import ROWS, TRANSITIONS, Action, Kind, State
from worlds.desk import SHOP, START, Desk, closing, opening, start

DEADLINE = START + 60


def test_the_table_is_total() -> None:
    """Every state answers every kind of evidence, and every action is used somewhere."""
    assert set(TRANSITIONS) == set(State)
    assert all(len(row) == len(Kind) for row in ROWS)
    assert {action for row in ROWS for action in row} == set(Action)


def desk_in(state: State) -> Desk:
    """A book in which task 1 stands in ``state``; the next number is 3."""
    desk = Desk()
    opened = opening(1, deadline=DEADLINE, invocation="inv", payload="{}")
    span = SpanEnded(START + 1, "send_receipt", "completed", "completed", START, sequence=2)
    if state in {State.SCHEDULED, State.STARTED, State.INFERRED, State.SPANNED, State.CLOSED}:
        desk.tell(opened)
    match state:
        case State.UNSEEN | State.SCHEDULED:
            desk.tell(Instance(2, START, "up"))
        case State.AHEAD:
            desk.tell(closing(2, outcome="failed", reason="exception"))
        case State.STARTED:
            desk.tell(start(2))
        case State.INFERRED:
            desk.tell(Instance(2, START, "up"))
            desk.pass_time(90)
        case State.SPANNED:
            desk.tell(span)
        case State.CLOSED:
            desk.tell(closing(2))
    assert state_of_task(desk) is state
    return desk


def state_of_task(desk: Desk) -> State:
    return desk.book._registry.streams[SHOP.stream].state_of(1)


def tell(desk: Desk, kind: Kind) -> None:
    """Evidence of this kind about task 1."""
    match kind:
        case Kind.SCHEDULED:
            desk.tell(opening(1, deadline=DEADLINE, invocation="inv", payload="{}"))
        case Kind.STARTED:
            desk.tell(start(3))
        case Kind.PENDING:
            desk.tell(Pending(3, 1, START + 2, "shutdown"))
        case Kind.SPAN:
            desk.tell(
                SpanEnded(START + 2, "send_receipt", "failed", "exception", START, sequence=3)
            )
        case Kind.SETTLED:
            desk.tell(closing(3))
        case Kind.INVOCATION_ENDED:
            desk.tell(InvocationEnded(3, START + 2, "inv", scheduled=1, started=0))
        case Kind.STREAM_ENDED:
            desk.die()
        case Kind.TIME:
            desk.pass_time(2000)
        case Kind.RECOVERED:
            desk.tell(Instance(4, START, "beat"))
            desk.tell(Instance(3, START, "beat"))


LOST = "timed_out/platform_deadline/inferred"
# What the semantics ask of every pair, written down apart from the code's own table:
# state after -> and the verdict after ("" where none was ever pronounced).
EXPECTED: dict[State, dict[Kind, tuple[State, str]]] = {
    State.UNSEEN: {
        Kind.SCHEDULED: (State.SCHEDULED, ""),
        Kind.STARTED: (State.UNSEEN, ""),
        Kind.PENDING: (State.UNSEEN, ""),
        Kind.SPAN: (State.SPANNED, "failed/exception/observed"),
        Kind.SETTLED: (State.AHEAD, "completed/completed/observed"),
        Kind.INVOCATION_ENDED: (State.UNSEEN, ""),
        Kind.STREAM_ENDED: (State.UNSEEN, ""),
        Kind.TIME: (State.UNSEEN, ""),
        Kind.RECOVERED: (State.UNSEEN, ""),
    },
    State.AHEAD: {
        Kind.SCHEDULED: (State.CLOSED, "failed/exception/observed"),
        **dict.fromkeys(
            [k for k in Kind if k is not Kind.SCHEDULED],
            (State.AHEAD, "failed/exception/observed"),
        ),
    },
    State.SCHEDULED: {
        Kind.SCHEDULED: (State.SCHEDULED, ""),
        Kind.STARTED: (State.STARTED, ""),
        Kind.PENDING: (State.SCHEDULED, ""),
        Kind.SPAN: (State.SPANNED, "failed/exception/observed"),
        Kind.SETTLED: (State.CLOSED, "completed/completed/observed"),
        Kind.INVOCATION_ENDED: (State.INFERRED, "dropped/never_started/inferred"),
        Kind.STREAM_ENDED: (State.INFERRED, "dropped/instance_lost/proven"),
        Kind.TIME: (State.INFERRED, LOST),
        Kind.RECOVERED: (State.SCHEDULED, ""),
    },
    State.STARTED: {
        Kind.SCHEDULED: (State.STARTED, ""),
        Kind.STARTED: (State.STARTED, ""),
        Kind.PENDING: (State.STARTED, ""),
        Kind.SPAN: (State.SPANNED, "failed/exception/observed"),
        Kind.SETTLED: (State.CLOSED, "completed/completed/observed"),
        Kind.INVOCATION_ENDED: (State.STARTED, ""),
        Kind.STREAM_ENDED: (State.INFERRED, "dropped/instance_lost/proven"),
        Kind.TIME: (State.INFERRED, LOST),
        Kind.RECOVERED: (State.STARTED, ""),
    },
    State.INFERRED: {
        Kind.SCHEDULED: (State.INFERRED, LOST),
        Kind.STARTED: (State.INFERRED, LOST),
        Kind.PENDING: (State.INFERRED, "dropped/shutdown/inferred"),
        Kind.SPAN: (State.SPANNED, "failed/exception/observed"),
        Kind.SETTLED: (State.CLOSED, "completed/completed/observed"),
        Kind.INVOCATION_ENDED: (State.INFERRED, LOST),
        Kind.STREAM_ENDED: (State.INFERRED, "timed_out/platform_deadline/proven"),
        Kind.TIME: (State.INFERRED, LOST),
        Kind.RECOVERED: (State.INFERRED, LOST),
    },
    State.SPANNED: {
        **dict.fromkeys(Kind, (State.SPANNED, "completed/completed/observed")),
        Kind.SETTLED: (State.CLOSED, "completed/completed/observed"),
    },
    State.CLOSED: dict.fromkeys(Kind, (State.CLOSED, "completed/completed/observed")),
}


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_every_state_answers_every_kind_of_evidence(state: State, kind: Kind) -> None:
    """The task ends where the semantics say, counted once; telling it again changes nothing."""
    desk = desk_in(state)
    tell(desk, kind)
    after, verdict = EXPECTED[state][kind]
    for _ in range(2):  # the second time all of it is redelivered
        assert state_of_task(desk) is after
        key = (SHOP.stream, 1)
        assert (desk.verdict(1) if key in desk.settled else "") == verdict
        told = state is not State.UNSEEN or after is not State.UNSEEN
        assert desk.total("scheduled", "send_receipt") == (1 if told else 0)
        if kind is not Kind.TIME:
            tell(desk, kind)
    assert desk.total("settled") - desk.total("amended") == (1 if verdict else 0)
    desk.restart()
    assert state_of_task(desk) is after


def test_verdicts_that_only_time_made_become_final() -> None:
    """Before the window is over an inferred verdict is provisional, after it final."""
    desk = desk_in(State.INFERRED)
    assert not desk.settled[SHOP.stream, 1].verdict.final
    desk.pass_time(desk.limits.finality_seconds + 1)
    assert desk.settled[SHOP.stream, 1].verdict.final
    assert desk.total("amended") == 0


SEMANTICS = (Path(__file__).parents[3] / "docs" / "semantics.md").read_text()


def blanks_of_the_document() -> list[tuple[State, Kind]]:
    """The pairs of which ``docs/semantics.md`` says that they change nothing."""
    rows = re.findall(r"^\| `([A-Z]+)` \| (.+) \|$", SEMANTICS, re.MULTILINE)
    cells = [(State[name], cell.split(" | ")) for name, cell in rows if name in State.__members__]
    return [(state, kind) for state, row in cells for kind in Kind if row[kind] == "·"]


FACTS: dict[Kind, Fact] = {
    Kind.SCHEDULED: opening(1, deadline=DEADLINE, invocation="inv", payload="{}"),
    Kind.STARTED: start(3),
    Kind.PENDING: Pending(3, 1, START + 2, "shutdown"),
    Kind.SPAN: SpanEnded(START + 2, "send_receipt", "failed", "exception", START, sequence=3),
    Kind.SETTLED: closing(3),
    Kind.INVOCATION_ENDED: InvocationEnded(3, START + 2, "inv", scheduled=1, started=0),
}


def picture(desk: Desk) -> tuple[object, ...]:
    """All that the book holds of task 1 and its stream, and what it would tell a store."""
    stream, keeper = desk.book._registry.streams[SHOP.stream], desk.book._keeper
    held = (stream.fresh, stream.open, stream.amendable, stream.ahead, stream.by_invocation)
    told = (keeper.pronounced.settled, keeper.closed, keeper.updated, keeper.payloads)
    counted = {key: counter.value for key, counter in keeper.totals._counters.items()}
    return (
        stream.frozen(),
        [dict(each) for each in held],
        [list(each) for each in told],
        counted,
        keeper.letters.drain(),
        len(keeper.wheel),
    )


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_what_the_document_leaves_blank_changes_nothing(state: State) -> None:
    """Asked for straight, where no evidence of a client's leads, too; even when time is up."""
    blank = [kind for at, kind in blanks_of_the_document() if at is state]
    assert len(blanks_of_the_document()) == sum(row.count(Action.IGNORE) for row in ROWS)
    desk = desk_in(state)
    stream = desk.book._registry.streams[SHOP.stream]
    before = picture(desk)
    for kind in blank:
        for now in (desk.now, desk.now + 10_000):
            desk.book._keeper.take(stream, 1, kind, FACTS.get(kind), now)
            assert picture(desk) == before, kind

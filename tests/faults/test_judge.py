"""The judge can say no: each way in which a book can be wrong is seen, and named."""

from collections import Counter

import pytest

from worlds.faults.entries import Amendment, Audited, Book, Entry, Letter, Pronounced, Wire
from worlds.faults.fault import (
    COMPLETED,
    EXPIRED,
    FAILED,
    LOST,
    OVERDUE,
    SOME,
    Case,
    Expected,
    Verdict,
    expect,
    inferred,
    proven,
)
from worlds.faults.judge import Judgement, judge
from worlds.faults.timeliness import SLACK_SECONDS

DIED_AT = 1_000.0
EXPIRED_NOW = inferred(*EXPIRED)
OVERDUE_NOW = inferred(*OVERDUE)
LOST_NOW = proven(*LOST)
SILENT = Wire(frozenset(), frozenset())
HEARD_OF = Wire(frozenset({1}), frozenset())


def entry(*verdicts: Verdict, taken_back: tuple[Amendment, ...] = (), **more: object) -> Entry:
    """A task booked once, with these verdicts and the letter of the last."""
    last = verdicts[-1] if verdicts else COMPLETED
    letters = (Letter(last, DIED_AT + 0.25, last != COMPLETED, 1),) if verdicts else ()
    values: dict[str, object] = {
        "scheduled": 1,
        "settled": Counter(verdicts),
        "amended": Counter(taken_back),
        "letters": letters if last != COMPLETED else (),
    }
    return Entry(**{**values, **more})  # type: ignore[arg-type] # fields by name


def amendment(before: Verdict, after: Verdict) -> Amendment:
    return Amendment(*before[:2], *after[:2])


def judged(expected: Expected, said: Entry | None, wire: Wire | None = None) -> Judgement:
    """Of one task, number 1."""
    return judge(Case({1: expected}), Book({} if said is None else {1: said}), wire)


def column(judgement: Judgement) -> str:
    """The one column the task is in."""
    names = ("right", "wrong", "invisible", "false_alarms", "died_in_buffer")
    (found,) = (name for name in names if getattr(judgement, name))
    assert judgement.agrees == (not judgement.differences)
    return found


def at(when: float, now: Verdict = LOST_NOW, *before: Verdict) -> Letter:
    """A letter of task 1, pronounced on then; and before, a second after the death."""
    earlier = tuple(Pronounced(verdict, DIED_AT + 1) for verdict in before)
    return Letter(now, when, is_open=True, number=1, earlier=earlier)


LATER = at(DIED_AT + 0.25)
DIES = expect(COMPLETED)._replace(opening_may_die=True, closing_may_die=True)
LOSES = expect(proven(*LOST), sealed_at=DIED_AT)
BEGINS = LOSES._replace(began=True)
OVERDUE_AT = expect(OVERDUE_NOW, FAILED)._replace(due_at=DIED_AT + 2)
FREEZES = expect(COMPLETED)._replace(alarms=frozenset({OVERDUE_NOW}))
AMENDED = amendment(OVERDUE_NOW, COMPLETED)


@pytest.mark.parametrize(
    ("expected", "said", "wire", "is_in"),
    [
        (expect(COMPLETED), entry(COMPLETED), None, "right"),
        (LOSES, entry(proven(*LOST)), None, "right"),
        (LOSES, entry(COMPLETED), None, "wrong"),
        (LOSES, entry(inferred(*LOST)), None, "wrong"),
        (LOSES, None, None, "invisible"),
        (LOSES, entry(settled=Counter(), in_flight=1), None, "wrong"),
        (LOSES, entry(proven(*LOST), scheduled=2), None, "wrong"),
        (LOSES, entry(proven(*LOST), proven(*LOST)), None, "wrong"),
        (LOSES, entry(proven(*LOST), letters=()), None, "wrong"),
        (LOSES, entry(proven(*LOST), letters=(LATER._replace(number=2),)), None, "wrong"),
        (LOSES, entry(proven(*LOST), letters=(at(DIED_AT - 0.1),)), None, "wrong"),
        (LOSES, entry(proven(*LOST), letters=(at(DIED_AT + 8),)), None, "wrong"),
        (OVERDUE_AT, entry(OVERDUE_NOW, letters=(at(DIED_AT + 2, OVERDUE_NOW),)), None, "right"),
        (OVERDUE_AT, entry(OVERDUE_NOW, letters=(at(DIED_AT + 1, OVERDUE_NOW),)), None, "wrong"),
        (OVERDUE_AT, entry(FAILED, letters=(at(DIED_AT, FAILED, OVERDUE_NOW),)), None, "wrong"),
        (LOSES, entry(inferred(*LOST), letters=(LATER,)), None, "wrong"),
        (LOSES, entry(inferred(*LOST), letters=(LATER._replace(proven_later=True),)), None,
         "right"),
        (LOSES, entry(proven(*EXPIRED), letters=(LATER,)), None, "wrong"),
        (BEGINS, entry(proven(*LOST), starts=1), None, "right"),
        (BEGINS, entry(proven(*LOST), starts=0), None, "wrong"),
        (BEGINS, entry(proven(*LOST), starts=2), None, "wrong"),
        (BEGINS._replace(start_may_die=True), entry(proven(*LOST), starts=0), None, "right"),
        (expect(COMPLETED), entry(COMPLETED, letters=(at(DIED_AT)._replace(is_open=False),)), None,
         "wrong"),
        (LOSES, entry(proven(*LOST), letters=(LATER._replace(is_open=False),)), None, "wrong"),
        (expect(COMPLETED), entry(proven(*LOST)), None, "false_alarms"),
        (expect(COMPLETED), entry(COMPLETED, letters=(Letter(FAILED, 0, True, 1),)), None,
         "false_alarms"),
        (expect(COMPLETED), entry(OVERDUE_NOW, COMPLETED, taken_back=(AMENDED,)), None,
         "false_alarms"),
        (FREEZES, entry(OVERDUE_NOW, COMPLETED, taken_back=(AMENDED,)), None, "right"),
        (FREEZES, entry(COMPLETED), None, "right"),
        (FREEZES, entry(OVERDUE_NOW), None, "false_alarms"),
        (FREEZES, entry(OVERDUE_NOW, COMPLETED), None, "wrong"),
        (FREEZES, entry(COMPLETED, taken_back=(AMENDED,)), None, "wrong"),
        (FREEZES, entry(FAILED, COMPLETED, taken_back=(amendment(FAILED, COMPLETED),)), None,
         "false_alarms"),
        (DIES, None, SILENT, "died_in_buffer"),
        (DIES, None, HEARD_OF, "invisible"),
        (DIES, None, None, "invisible"),
        (expect(COMPLETED), None, SILENT, "invisible"),
        (DIES._replace(opening_may_die=False), None, SILENT, "invisible"),
        (DIES._replace(closing_may_die=False), entry(EXPIRED_NOW), HEARD_OF, "false_alarms"),
        (LOSES._replace(on_the_edge=True), None, None, "right"),
        (DIES, entry(EXPIRED_NOW), HEARD_OF, "died_in_buffer"),
        (DIES, entry(proven(*LOST)), HEARD_OF, "false_alarms"),
        (DIES, entry(EXPIRED_NOW), Wire(frozenset({1}), frozenset({1})), "false_alarms"),
    ],
)  # fmt: skip
def test_every_task_falls_into_the_column_it_belongs_to(
    expected: Expected, said: Entry | None, wire: Wire | None, is_in: str
) -> None:
    """Right, wrong, invisible, false alarm, died in the buffer: one of them, and no other."""
    assert column(judged(expected, said, wire)) == is_in


def test_what_was_never_handed_over_is_a_difference() -> None:
    """A task that only the book knows is no task's fault, and the row fails all the same."""
    judgement = judge(Case({}), Book({7: entry(COMPLETED)}), None)
    assert not judgement.agrees
    assert judgement.differences == ("task 7: in the book, and was never handed over",)


def test_what_a_row_notes_fails_it() -> None:
    """What no task stands for (an error that was not clear) is not lost."""
    assert not judge(Case({}, ("exit code 0",)), Book({}), None).agrees


def test_a_promise_runs_from_when_evidence_could_arrive_until_the_slack_is_used_up() -> None:
    """What a fault holds up is not late; what comes much later all the same is."""
    book = Book({1: entry(proven(*LOST), letters=(at(DIED_AT + 20),))})
    for held_up_until, agrees in ((DIED_AT + 20, True), (DIED_AT + 20 - SLACK_SECONDS - 1, False)):
        case = Case({1: LOSES}, held_up_until=held_up_until)
        assert judge(case, book, None).agrees is agrees


def test_series_and_letters_of_no_task_of_the_row_fail_it() -> None:
    """A task that only the book knows, under a name that no task of the row has."""
    assert judge(Case({1: LOSES}), Book({1: entry(proven(*LOST))}), None).agrees
    strange = Book({1: entry(proven(*LOST))}, strays=("a series of faults other",))
    assert judge(Case({1: LOSES}), strange, None).differences == (
        "of no task of this row: a series of faults other",
    )


@pytest.mark.parametrize(
    ("loses", "audited", "agrees"),
    [
        (0, Audited(trusted=True, missing=0, counted=1), True),
        (0, Audited(trusted=False, missing=0, counted=1), False),
        (0, Audited(trusted=True, missing=0, counted=2), False),
        (0, Audited(trusted=False, missing=3, counted=1), False),
        (3, Audited(trusted=False, missing=3, counted=1), True),
        (3, Audited(trusted=False, missing=2, counted=1), False),
        (3, Audited(trusted=True, missing=3, counted=1), False),
        (SOME, Audited(trusted=False, missing=9, counted=1), True),
        (SOME, Audited(trusted=True, missing=0, counted=1), False),
        (None, Audited(trusted=True, missing=0, counted=1), True),
        (None, Audited(trusted=False, missing=1, counted=1), True),
    ],
)
def test_the_audit_must_miss_what_was_lost_and_nothing_else(
    loses: int | None,
    audited: Audited,
    agrees: bool,  # noqa: FBT001 - a table of cases
) -> None:
    """Blind or suspicious: either fails the row. Where nobody can know, it may say either."""
    book = Book({1: entry(proven(*LOST))}, audited=audited)
    assert judge(Case({1: LOSES}, loses=loses), book, None).agrees is agrees


def test_alarms_of_a_freeze_are_counted_apart_and_the_slowest_verdict_is_timed() -> None:
    """The columns beside right and wrong: amended, only while frozen, absent, time to verdict."""
    case = Case({1: FREEZES, 2: LOSES, 3: DIES})
    book = {
        1: entry(OVERDUE_NOW, COMPLETED, taken_back=(AMENDED,)),
        2: entry(proven(*LOST), letters=(Letter(proven(*LOST), DIED_AT + 0.25, True, 2),)),
    }
    judgement = judge(case, Book(book), SILENT)
    assert (judgement.tasks, judgement.right, judgement.died_in_buffer) == (3, 2, 1)
    assert (judgement.amended, judgement.only_while_frozen, judgement.absent) == (1, 1, 1)
    assert judgement.slowest_seconds == 0.25
    assert judgement.agrees

"""Does the book say what truly happened, task by task? Pure: it reads nothing, waits for nothing.

Each task falls into exactly one column: right, wrong, invisible, false alarm, died in the buffer.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from worlds.faults.fault import COMPLETED, Case, Expected, Verdict


class Letter(NamedTuple):
    """A task's dead letter."""

    verdict: Verdict
    pronounced_at: float
    is_open: bool
    number: int | None
    """The number in its payload."""


class Amendment(NamedTuple):
    """A verdict taken back."""

    outcome: str
    reason: str
    to_outcome: str
    to_reason: str


@dataclass(frozen=True)
class Entry:
    """All that the book says of one task."""

    scheduled: int = 0
    in_flight: int = 0
    settled: Counter[Verdict] = field(default_factory=Counter)
    """Pronouncements, amendments too."""
    amended: Counter[Amendment] = field(default_factory=Counter)
    letters: tuple[Letter, ...] = ()


@dataclass(frozen=True)
class Wire:
    """Whose evidence the sidecar had acknowledged, as the proxy saw it. Spools have no wire."""

    openings: frozenset[int]
    closings: frozenset[int]


@dataclass(frozen=True)
class Judgement:
    """One line of the table."""

    tasks: int
    right: int = 0
    wrong: int = 0
    invisible: int = 0
    false_alarms: int = 0
    died_in_buffer: int = 0
    absent: int = 0
    """Of these: not in the book at all."""
    amended: int = 0
    only_while_frozen: int = 0
    """Alarms taken back, each by exactly one amendment."""
    slowest_seconds: float | None = None
    """The longest time from a task's fate to the verdict on it, of those that did not complete."""
    differences: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the book is right. What died in a buffer is no fault of the book's."""
        return not (self.wrong or self.invisible or self.false_alarms or self.differences)


_RIGHT, _WRONG, _INVISIBLE = "right", "wrong", "invisible"
_FALSE_ALARM, _DIED = "false_alarms", "died_in_buffer"


def judge(case: Case, book: Mapping[int, Entry], wire: Wire | None) -> Judgement:
    """Set the book beside what is expected of each task."""
    columns = Counter[str]()
    differences = list(case.notes)
    frozen = absent = 0
    for number, expected in case.expected.items():
        entry = book.get(number, Entry())
        column, why = _column(number, expected, entry, wire)
        columns[column] += 1
        absent += column == _DIED and not entry.scheduled
        frozen += column == _RIGHT and entry.amended.total()
        if why:
            differences.append(f"task {number}: {why}")
    differences += (
        f"task {number}: in the book, and was never handed over"
        for number in book
        if number not in case.expected
    )
    return Judgement(
        tasks=len(case.expected),
        absent=absent,
        amended=sum(entry.amended.total() for entry in book.values()),
        only_while_frozen=frozen,
        slowest_seconds=max(_times_to_verdict(case.expected, book), default=None),
        differences=tuple(differences),
        **columns,
    )


def _column(number: int, expected: Expected, entry: Entry, wire: Wire | None) -> tuple[str, str]:
    """Where the task belongs, and why, if that is neither right nor excused."""
    if not entry.scheduled:
        return _missing(number, expected, wire)
    if why := _contradiction(entry):
        return _WRONG, why
    final = _final(entry)
    if final in expected.verdicts:
        if not (why := _unexpected_alarm(expected, entry, final)):
            amiss = _letters_amiss(number, expected, entry, final)
            return (_WRONG if amiss else _RIGHT), amiss
    elif _closing_died(number, expected, final, wire):
        return _DIED, ""
    else:
        why = f"truly {_either(expected.verdicts)}, in the book {final}"
    return (_FALSE_ALARM if expected.completes else _WRONG), why


def _missing(number: int, expected: Expected, wire: Wire | None) -> tuple[str, str]:
    """A task that the book does not have."""
    if expected.on_the_edge:
        return _RIGHT, ""
    if expected.opening_may_die and wire is not None and number not in wire.openings:
        return _DIED, ""
    return _INVISIBLE, "handed over, and not in the book"


def _contradiction(entry: Entry) -> str:
    """What makes an entry of the book impossible, whatever truly happened."""
    if entry.scheduled != 1:
        return f"handed over once, {entry.scheduled} times in the book"
    if entry.in_flight:
        return "it ended, and is in flight in the book"
    net = Counter[tuple[str, str]]()
    for verdict, count in entry.settled.items():
        net[verdict[:2]] += count
    for amendment, count in entry.amended.items():
        net[amendment[:2]] -= count
    if net.total() != 1 or min(net.values()) < 0:
        return f"{dict(entry.settled)} pronounced, {dict(entry.amended)} taken back"
    return ""


def _final(entry: Entry) -> Verdict:
    """The verdict that stands: its letter's, if that is open; else what no amendment took back."""
    still_open = [letter.verdict for letter in entry.letters if letter.is_open]
    if still_open:
        return still_open[-1]
    taken_back = Counter[tuple[str, str]]()
    for amendment, count in entry.amended.items():
        taken_back[amendment[:2]] += count
    return next(v for v in entry.settled if entry.settled[v] > taken_back[v[:2]])


def _closing_died(number: int, expected: Expected, final: Verdict, wire: Wire | None) -> bool:
    """Its end never left its process: the book can only infer, and must say that it does."""
    return (
        expected.closing_may_die
        and wire is not None
        and number not in wire.closings
        and final.basis == "inferred"
    )


def _unexpected_alarm(expected: Expected, entry: Entry, final: Verdict) -> str:
    """Whether it changed its mind more often than a freeze explains."""
    if entry.amended.total() > 1:
        return f"amended {entry.amended.total()} times"
    for amendment in entry.amended:
        alarm = f"{amendment.outcome}/{amendment.reason}"
        if not any(allowed[:2] == amendment[:2] for allowed in expected.alarms):
            return f"first called {alarm}, then {final}, and nothing excuses that"
        if amendment[2:] != final[:2]:
            return f"{alarm} was amended to {amendment[2:]}, and {final} stands"
    return ""


def _letters_amiss(number: int, expected: Expected, entry: Entry, final: Verdict) -> str:
    """Whether its dead letter is there just when it must be, and is its own."""
    still_open = [letter for letter in entry.letters if letter.is_open]
    if final == COMPLETED:
        return "it completed, and its dead letter is open" if still_open else ""
    if not expected.letter_kept:
        return ""
    if len(still_open) != 1:
        return f"{final}, and {len(still_open)} open dead letters"
    if still_open[0].number != number:
        return f"its dead letter has the payload of task {still_open[0].number}"
    return ""


def _times_to_verdict(
    expected: Mapping[int, Expected], book: Mapping[int, Entry]
) -> Iterator[float]:
    for number, each in expected.items():
        if each.sealed_at is None or number not in book:
            continue
        for letter in book[number].letters:
            if letter.is_open:
                yield letter.pronounced_at - each.sealed_at


def _either(verdicts: frozenset[Verdict]) -> str:
    return " or ".join(sorted(map(str, verdicts)))

"""Does the book say what truly happened, task by task? Pure: it reads nothing, waits for nothing.

Each task falls into exactly one column: right, wrong, invisible, false alarm, died in the buffer.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from worlds.faults import timeliness
from worlds.faults.entries import Audited, Book, Entry, Wire
from worlds.faults.fault import COMPLETED, Case, Expected, Verdict


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
    audited: Audited | None = None
    """What the book says of itself; ``None`` where it was not asked."""
    differences: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the book is right. What died in a buffer is no fault of the book's."""
        return not (self.wrong or self.invisible or self.false_alarms or self.differences)


_RIGHT, _WRONG, _INVISIBLE = "right", "wrong", "invisible"
_FALSE_ALARM, _DIED = "false_alarms", "died_in_buffer"
_STRAYS_SHOWN: Final = 3


def judge(case: Case, book: Book, wire: Wire | None) -> Judgement:
    """Set the book beside what is expected of each task, and of the whole."""
    columns = Counter[str]()
    differences = list(case.notes)
    frozen = absent = 0
    for number, expected in case.expected.items():
        entry = book.entries.get(number, Entry())
        column, why = _column(number, expected, entry, wire)
        if column == _RIGHT:
            why = timeliness.amiss(expected, entry, case.held_up_until)
            column = _WRONG if why else column
        columns[column] += 1
        absent += column == _DIED and not entry.scheduled
        frozen += column == _RIGHT and entry.amended.total()
        if why:
            differences.append(f"task {number}: {why}")
    differences += (
        f"task {number}: in the book, and was never handed over"
        for number in book.entries
        if number not in case.expected
    )
    differences += (f"of no task of this row: {each}" for each in book.strays[:_STRAYS_SHOWN])
    if why := _misaudited(case, book):
        differences.append(f"the audit: {why}")
    return Judgement(
        tasks=len(case.expected),
        absent=absent,
        amended=sum(entry.amended.total() for entry in book.entries.values()),
        only_while_frozen=frozen,
        slowest_seconds=timeliness.slowest(case.expected, book.entries),
        audited=book.audited,
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
    if why := _counted_otherwise(entry):
        return (_FALSE_ALARM if expected.completes else _WRONG), why
    if final in expected.verdicts:
        if not (why := _unexpected_alarm(expected, entry, final)):
            amiss = _letters_amiss(number, expected, entry, final) or _unstarted(expected, entry)
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
    net = _net(entry)
    if net.total() != 1 or min(net.values()) < 0:
        return f"{dict(entry.settled)} pronounced, {dict(entry.amended)} taken back"
    return ""


def _net(entry: Entry) -> Counter[tuple[str, str]]:
    """Outcomes and reasons pronounced, less those taken back."""
    net = Counter[tuple[str, str]]()
    for verdict, count in entry.settled.items():
        net[verdict[:2]] += count
    for amendment, count in entry.amended.items():
        net[amendment[:2]] -= count
    return net


def _counted_otherwise(entry: Entry) -> str:
    """Whether its counters say another thing than its letter.

    A verdict that was inferred, and of which better evidence with the same outcome and reason came,
    stays counted as it was pronounced.
    """
    stands = [verdict for verdict in entry.settled if _net(entry)[verdict[:2]]]
    for letter in entry.letters:
        if not letter.is_open:
            continue
        said = {letter.verdict}
        if letter.proven_later:
            said.add(letter.verdict._replace(basis="inferred"))
        said |= {each.verdict for each in letter.earlier if each.verdict[:2] == letter.verdict[:2]}
        if said.isdisjoint(stands):
            return f"its letter says {letter.verdict}, and its counters {_either(stands)}"
    return ""


def _final(entry: Entry) -> Verdict:
    """The verdict that stands: its letter's, if that is open; else what no amendment took back."""
    still_open = [letter.verdict for letter in entry.letters if letter.is_open]
    if still_open:
        return still_open[-1]
    net = _net(entry)
    return next(verdict for verdict in entry.settled if net[verdict[:2]])


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
        if still_open:
            return "it completed, and its dead letter is open"
        needless = len(entry.letters) > entry.amended.total()
        return "it completed, and has a dead letter without an alarm" if needless else ""
    if not expected.letter_kept:
        return ""
    if len(still_open) != 1:
        return f"{final}, and {len(still_open)} open dead letters"
    if still_open[0].number != number:
        return f"its dead letter has the payload of task {still_open[0].number}"
    return ""


def _unstarted(expected: Expected, entry: Entry) -> str:
    """Whether it began, and the book has not its first step just once."""
    if entry.starts is None or entry.starts == 1 or not (expected.began or entry.starts):
        return ""
    if entry.starts == 0 and (expected.closing_may_die or expected.start_may_die):
        return ""
    return f"it began, and {entry.starts} times in the book"


def _misaudited(case: Case, book: Book) -> str:
    """Whether the audit says that all has come where it has not, or the other way round."""
    audited = book.audited
    if audited is None or case.loses is None:
        return ""
    if audited.counted != len(book.entries) and not book.strays:
        return f"it counts {audited.counted} tasks, and the book has {len(book.entries)}"
    if audited.missing != case.loses and case.loses >= 0:
        return f"{case.loses} records were lost, it misses {audited.missing}: {audited.why}"
    if audited.trusted == bool(case.loses):
        whole = "all evidence has come" if not case.loses else "evidence was lost"
        return f"{whole}, and it says {'' if audited.trusted else 'not '}trusted: {audited.why}"
    return ""


def _either(verdicts: frozenset[Verdict] | list[Verdict]) -> str:
    return " or ".join(sorted(map(str, verdicts)))

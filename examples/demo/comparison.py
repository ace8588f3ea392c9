"""Does the book say what truly happened, task for task? Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from examples.demo.truth import COMPLETED, TaskOfOrder, Verdict


@dataclass(frozen=True)
class Letter:
    """A dead letter, with the order that its payload names."""

    id: str
    key: TaskOfOrder
    verdict: Verdict


@dataclass(frozen=True)
class BookReading:
    """What the book says: its dead letters, and its counters by task."""

    letters: list[Letter]
    scheduled: Mapping[str, int] = field(default_factory=dict)
    settled: Mapping[tuple[str, Verdict], int] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of the table: how often a task truly ended so, and how often the book says it."""

    task: str
    verdict: Verdict
    truly: int
    in_the_book: int
    agreed: bool
    """Equal numbers, and every single task agreed."""


@dataclass(frozen=True)
class Comparison:
    """The table, and every difference in words; none if the book is right."""

    rows: list[Row]
    differences: list[str]


def compare(truth: Mapping[TaskOfOrder, Verdict], book: BookReading) -> Comparison:
    """Set the two beside each other.

    A task that did not complete is compared by itself: its dead letter names its order. One that
    completed leaves no letter, so a letter for it is a difference, and the counters must be equal.
    """
    wrong: dict[tuple[str, Verdict], list[str]] = {}
    _compare_letters(truth, book.letters, wrong)
    _compare_counters(truth, book, wrong)
    truly = Counter((key.task, verdict) for key, verdict in truth.items())
    rows = [
        Row(
            task,
            verdict,
            truly[task, verdict],
            book.settled.get((task, verdict), 0),
            (task, verdict) not in wrong,
        )
        for task, verdict in sorted({*truly, *_said(book), *wrong})
    ]
    differences = [words for several in wrong.values() for words in several]
    return Comparison(rows, differences + _balance(truth, book))


def _said(book: BookReading) -> Iterable[tuple[str, Verdict]]:
    return (key for key, count in book.settled.items() if count)


def _compare_letters(
    truth: Mapping[TaskOfOrder, Verdict],
    letters: Iterable[Letter],
    wrong: dict[tuple[str, Verdict], list[str]],
) -> None:
    seen: dict[TaskOfOrder, Letter] = {}
    for letter in letters:
        key, verdict = letter.key, letter.verdict
        true = truth.get(key)
        if true is None:
            words = f"dead letter {letter.id}: {_name(key)} was never handed over"
        elif key in seen:
            words = f"{_name(key)}: two dead letters, {seen[key].id} and {letter.id}"
        elif true != verdict:
            words = f"{_name(key)}: truly {_words(true)}, in the book {_words(verdict)}"
        else:
            words = ""
        if words:
            wrong.setdefault((key.task, verdict), []).append(words)
        seen[key] = letter
    for key, true in truth.items():
        if true != COMPLETED and key not in seen:
            words = f"{_name(key)}: truly {_words(true)}, and no dead letter"
            wrong.setdefault((key.task, true), []).append(words)


def _compare_counters(
    truth: Mapping[TaskOfOrder, Verdict],
    book: BookReading,
    wrong: dict[tuple[str, Verdict], list[str]],
) -> None:
    truly = Counter((key.task, verdict) for key, verdict in truth.items())
    for task, verdict in sorted({*truly, *_said(book)}):
        told = book.settled.get((task, verdict), 0)
        if truly[task, verdict] != told:
            words = f"{task}: truly {truly[task, verdict]} {_words(verdict)}, counted {told}"
            wrong.setdefault((task, verdict), []).append(words)


def _balance(truth: Mapping[TaskOfOrder, Verdict], book: BookReading) -> list[str]:
    """The book's own sum, and that nothing was handed over that it does not know."""
    handed_over = Counter(key.task for key in truth)
    settled = Counter[str]()
    for (task, _), count in book.settled.items():
        settled[task] += count
    differences = []
    for task in sorted({*handed_over, *book.scheduled}):
        opened, in_flight = book.scheduled.get(task, 0), book.in_flight.get(task, 0)
        if opened != handed_over[task]:
            differences.append(f"{task}: {handed_over[task]} handed over, {opened} in the book")
        if opened != settled[task] + in_flight:
            differences.append(
                f"{task}: the book does not balance: {opened} scheduled, "
                f"{settled[task]} settled and {in_flight} in flight"
            )
    return differences


def _name(key: TaskOfOrder) -> str:
    return f"{key.task} of {key.order or 'no order'}"


def _words(verdict: Verdict) -> str:
    return f"{verdict.outcome}/{verdict.reason} ({verdict.basis})"

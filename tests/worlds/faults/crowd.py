"""The book on a crowd: tasks of one name, told apart by their payloads.

Those that did not complete have dead letters, and are read one by one. Those that completed leave
only a count; it must be that of all the others.
"""

from collections import Counter, defaultdict

from worlds.faults import book
from worlds.faults.entries import Amendment, Book, Entry, Letter
from worlds.faults.fault import COMPLETED, Verdict


def read(operators: str, name: str, tasks: int) -> Book:
    """The entries of tasks 1 to ``tasks``; a difference in the counts falls on the last of them."""
    told: dict[str, int] = defaultdict(int)
    strays = set()
    settled: Counter[Verdict] = Counter()
    amended: Counter[Amendment] = Counter()
    for metric, labels, count in book.counts(operators):
        if labels["task"] != name or labels["service_name"] != book.SERVICE:
            strays.add(f"a series of {labels['service_name']} {labels['task']}")
            continue
        if labels.get("outcome") == "in_flight" or metric != "afterword_tasks":
            told[metric] += count
        if metric == "afterword_tasks_settled_total":
            settled[book.verdict_of(labels)] += count
        elif metric == "afterword_tasks_amended_total":
            amended[book.amendment_of(labels)] += count
    letters: dict[int, list[Letter]] = defaultdict(list)
    if not told["afterword_tasks"]:  # while some are in flight, the reading is not worth its time
        for told_of in book.dead_letters(operators):
            letter = book.letter_of(told_of)
            letters[letter.number or 0].append(letter)
    counted = settled.copy()
    taken_back = list(amended.elements())
    entries = {
        number: _of(several, counted, taken_back) for number, several in sorted(letters.items())
    }
    others = [number for number in range(1, tasks + 1) if number not in entries]
    completed = Entry(scheduled=1, settled=Counter({COMPLETED: 1}))
    entries |= dict.fromkeys(others[: settled[COMPLETED]], completed)
    missing = told["afterword_tasks_scheduled_total"] - len(entries)
    in_flight = Entry(scheduled=1, in_flight=1)
    entries |= dict.fromkeys(others[settled[COMPLETED] :][: max(0, missing)], in_flight)
    surplus = max(0, settled[COMPLETED] - len(others))
    entries |= dict.fromkeys(range(tasks + 1, tasks + surplus + 1), completed)
    return Book(entries, tuple(sorted(strays)))


def _of(letters: list[Letter], counted: Counter[Verdict], taken_back: list[Amendment]) -> Entry:
    """A letter takes its verdict out of those counted, or, where it is not there, another's.

    A closed one stands for an alarm that was taken back: one of those counted.
    """
    settled: Counter[Verdict] = Counter()
    amended: Counter[Amendment] = Counter()
    for letter in letters:
        if not letter.is_open and taken_back:
            amended[alarm := taken_back.pop()] += 1
            settled[_taken(Verdict(*alarm[:2], "inferred"), counted)] += 1
        settled[_taken(letter.verdict, counted)] += 1
    return Entry(len(letters), settled=+settled, amended=amended, letters=tuple(letters))


def _taken(verdict: Verdict, counted: Counter[Verdict]) -> Verdict:
    """One less of it; of another that did not complete, where there is none of it."""
    others = (other for other in sorted(+counted) if other != COMPLETED)
    taken = verdict if counted[verdict] > 0 else next(others, COMPLETED)
    counted[taken] -= 1
    return taken

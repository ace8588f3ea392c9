"""The book on a crowd: tasks of one name, told apart by their payloads.

Those that did not complete have dead letters, and are read one by one. Those that completed leave
only a count; it must be that of all the others.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from worlds.faults import book
from worlds.faults.fault import COMPLETED, Verdict
from worlds.faults.judge import Amendment, Entry, Letter


def read(operators: str, name: str, tasks: int) -> dict[int, Entry]:
    """The entries of tasks 1 to ``tasks``; a difference in the counts falls on the last of them."""
    told: dict[str, int] = defaultdict(int)
    settled: Counter[Verdict] = Counter()
    amended: Counter[Amendment] = Counter()
    for metric, labels, count in book.counts(operators):
        if labels["task"] != name:
            continue
        if labels.get("outcome") == "in_flight" or metric != "afterword_tasks":
            told[metric] += count
        if metric == "afterword_tasks_settled_total":
            settled[Verdict(labels["outcome"], labels["reason"], labels["basis"])] += count
        elif metric == "afterword_tasks_amended_total":
            amended[book.amendment_of(labels)] += count
    letters: dict[int, list[Letter]] = defaultdict(list)
    if not told["afterword_tasks"]:  # while some are in flight, the reading is not worth its time
        for told_of in book.dead_letters(operators):
            letter = book.letter_of(told_of)
            letters[letter.number or 0].append(letter)
    taken_back = amended.elements()
    entries = {number: _of(several, taken_back) for number, several in letters.items()}
    others = [number for number in range(1, tasks + 1) if number not in entries]
    completed = Entry(scheduled=1, settled=Counter({COMPLETED: 1}))
    entries |= dict.fromkeys(others[: settled[COMPLETED]], completed)
    missing = told["afterword_tasks_scheduled_total"] - len(entries)
    in_flight = Entry(scheduled=1, in_flight=1)
    entries |= dict.fromkeys(others[settled[COMPLETED] :][: max(0, missing)], in_flight)
    surplus = max(0, settled[COMPLETED] - len(others))
    return entries | dict.fromkeys(range(tasks + 1, tasks + surplus + 1), completed)


def _of(letters: list[Letter], taken_back: Iterator[Amendment]) -> Entry:
    """A closed letter stands for an alarm that was taken back: one of those counted."""
    settled = Counter(letter.verdict for letter in letters)
    amended = Counter(next(taken_back) for letter in letters if not letter.is_open)
    for alarm in amended.elements():
        settled[Verdict(*alarm[:2], "inferred")] += 1
    return Entry(len(letters), settled=settled, amended=amended, letters=tuple(letters))

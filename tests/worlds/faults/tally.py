"""The book where only counts are to be had: tasks named after their kinds.

Of each kind the verdicts are dealt to its tasks, so that a count that is off is as many tasks
wrong, invisible, or never handed over.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from worlds.faults import book
from worlds.faults.entries import Amendment, Book, Entry
from worlds.faults.fault import Verdict
from worlds.faults.mix import Mix


def read(operators: str, kinds: Mix) -> Book:
    """An entry for each task counted; those beyond the tasks there are have numbers beyond."""
    settled: dict[str, Counter[Verdict]] = defaultdict(Counter)
    amended: dict[str, Counter[Amendment]] = defaultdict(Counter)
    scheduled, in_flight = Counter[str](), Counter[str]()
    strays = set()
    for metric, labels, count in book.counts(operators):
        kind = labels["task"]
        if kind not in kinds.values() or labels["service_name"] != book.SERVICE:
            strays.add(f"a series of {labels['service_name']} {kind}")
        if metric == "afterword_tasks_scheduled_total":
            scheduled[kind] += count
        elif metric == "afterword_tasks_settled_total":
            settled[kind][book.verdict_of(labels)] += count
        elif metric == "afterword_tasks_amended_total":
            amended[kind][book.amendment_of(labels)] += count
        elif metric == "afterword_tasks" and labels["outcome"] == "in_flight":
            in_flight[kind] += count
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, kind in kinds.items():
        numbers[kind].append(number)
    entries: dict[int, Entry] = {}
    for kind, count in scheduled.items():
        dealt = list(_amended(settled[kind], amended[kind]))
        dealt += [Entry(1, settled=Counter({v: 1})) for v in settled[kind].elements()]
        dealt += [Entry(1, in_flight=1)] * in_flight[kind]
        dealt += [Entry(1)] * (count - len(dealt))
        beyond = range(len(kinds) + len(entries) + 1, len(kinds) + len(entries) + count + 1)
        entries |= dict(zip((*numbers[kind], *beyond), dealt, strict=False))
    return Book(entries, tuple(sorted(strays)))


def _amended(settled: Counter[Verdict], amended: Counter[Amendment]) -> Iterator[Entry]:
    """Entries with two verdicts each, which are taken out of ``settled``."""
    for amendment in amended.elements():
        both = [
            next(verdict for verdict in settled if settled[verdict] and verdict[:2] == said)
            for said in (amendment[:2], amendment[2:])
        ]
        settled.subtract(both)
        yield Entry(1, settled=Counter(both), amended=Counter({amendment: 1}))

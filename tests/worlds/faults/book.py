"""What the sidecar says of every task, over its operators' port.

Each task has a name of its own (``task_17``), and so series of its own: its counters are its own.
What did not complete has a dead letter too, with its payload.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from worlds.faults.fault import Verdict
from worlds.faults.judge import Amendment, Entry, Letter

ASK_SECONDS: Final = 120.0
_COUNTED: Final = re.compile(r"afterword_tasks(_scheduled_total|_settled_total|_amended_total)?\{")


def name_of(number: int) -> str:
    """What task ``number`` is called."""
    return f"task_{number}"


def number_of(name: str) -> int | None:
    """Which task is called so; ``None`` for another's."""
    _, mark, digits = name.rpartition("task_")
    return int(digits) if mark and digits.isdecimal() else None


def read(operators: str) -> dict[int, Entry]:
    """The entry of every task the book knows. Raises ``OSError`` while the sidecar is away."""
    entries: dict[int, Entry] = {}
    for number, told in _counted(operators).items():
        entries[number] = Entry(
            scheduled=told["scheduled"].total(),
            in_flight=told["in_flight"].total(),
            settled=told["settled"],
            amended=told["amended"],
        )
    letters: dict[int, list[Letter]] = defaultdict(list)
    for letter in dead_letters(operators):
        named = number_of(letter["task"])
        if named is not None:
            letters[named].append(letter_of(letter))
    for number, several in letters.items():
        entries[number] = replace(entries.get(number, Entry()), letters=tuple(several))
    return entries


def dead_letters(operators: str) -> Iterator[dict[str, Any]]:
    """Every dead letter with its payload, page by page."""
    cursor: str | None = ""
    while cursor is not None:
        asked = {"include": "payload"} | ({"cursor": cursor} if cursor else {})
        url = f"{operators}/api/v1/dead-letters?{urlencode(asked)}"
        with urlopen(url, timeout=ASK_SECONDS) as answer:
            page = json.load(answer)
        yield from page["items"]
        cursor = page["next_cursor"]


def letter_of(told: dict[str, Any]) -> Letter:
    """A dead letter of the API."""
    verdict = told["verdict"]
    return Letter(
        Verdict(verdict["outcome"], verdict["reason"], verdict["basis"]),
        pronounced_at=datetime.fromisoformat(verdict["at"]).timestamp(),
        is_open=told["state"] == "open",
        number=_number_in(told["payload"]),
    )


def counts(operators: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """Every count of tasks above 0: the metric, its labels, how many."""
    with urlopen(f"{operators}/metrics", timeout=ASK_SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    # All pairs of outcome and reason of all tasks are there at 0: a parser is slow on them.
    kept = [line for line in lines if _COUNTED.match(line) and not line.endswith(" 0.0")]
    for family in text_string_to_metric_families("\n".join(kept) + "\n"):
        for sample in family.samples:
            yield sample.name, sample.labels, int(sample.value)


def _counted(operators: str) -> dict[int, dict[str, Counter[Any]]]:
    told: dict[int, dict[str, Counter[Any]]] = defaultdict(lambda: defaultdict(Counter))
    for metric, labels, count in counts(operators):
        number = number_of(labels["task"])
        if number is None:
            continue
        of_task = told[number]
        if metric == "afterword_tasks_scheduled_total":
            of_task["scheduled"][""] += count
        elif metric == "afterword_tasks_settled_total":
            of_task["settled"][Verdict(labels["outcome"], labels["reason"], labels["basis"])] += (
                count
            )
        elif metric == "afterword_tasks_amended_total":
            of_task["amended"][amendment_of(labels)] += count
        elif labels["outcome"] == "in_flight":
            of_task["in_flight"][""] += count
    return told


def amendment_of(labels: dict[str, str]) -> Amendment:
    """What a sample of the amendments stands for."""
    return Amendment(
        labels["from_outcome"], labels["from_reason"], labels["to_outcome"], labels["to_reason"]
    )


def _number_in(payload: Any) -> int | None:
    """The ``number`` that a captured payload names, wherever in the arguments it stands."""
    if isinstance(payload, dict):
        if isinstance(payload.get("number"), int):
            return int(payload["number"])
        payload = list(payload.values())
    if isinstance(payload, list):
        found = (_number_in(part) for part in payload)
        return next((number for number in found if number is not None), None)
    return None

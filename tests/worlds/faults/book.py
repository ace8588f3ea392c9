"""What the sidecar says of every task, over its operators' port.

Each task has a name of its own (``task_17``), and so series of its own: its counters are its own.
What did not complete has a dead letter too, with its payload. What has any other name is a stray.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from worlds.faults.entries import Amendment, Audited, Book, Entry, Letter, Pronounced
from worlds.faults.fault import Verdict

SERVICE: Final = "faults"
ASK_SECONDS: Final = 120.0
_SAMPLE: Final = re.compile(
    r"afterword_task(s(_scheduled_total|_settled_total|_amended_total)?|_start_delay_seconds_count)\{"
)
_NAME: Final = re.compile(r"task_([1-9][0-9]*)")
_STREAM_ENDED: Final = "stream_ended"


def name_of(number: int) -> str:
    """What task ``number`` is called."""
    return f"task_{number}"


def number_of(name: str) -> int | None:
    """Which task is called so; ``None`` for another's."""
    named = _NAME.fullmatch(name)
    return int(named[1]) if named else None


def read(operators: str) -> Book:
    """All of it. Raises ``OSError`` while the sidecar is away."""
    entries, strays = _counted(counts(operators))
    letters: dict[int, list[Letter]] = defaultdict(list)
    for letter in dead_letters(operators):
        named = number_of(letter["task"])
        if named is None or letter["service"] != SERVICE:
            strays.append(f"a letter of {letter['service']} {letter['task']}")
        else:
            letters[named].append(letter_of(letter))
    for number, several in letters.items():
        entries[number] = replace(entries.get(number, Entry()), letters=tuple(several))
    return Book(entries, tuple(dict.fromkeys(strays)))


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
    now = _pronounced(told["verdict"])
    ends = [
        _moment(each["at"]) for each in told["verdict"]["evidence"] if each["kind"] == _STREAM_ENDED
    ]
    return Letter(
        now.verdict,
        pronounced_at=now.at,
        is_open=told["state"] == "open",
        number=_number_in(told["payload"]),
        earlier=tuple(map(_pronounced, told["history"])),
        proven_later=any(at > now.at for at in ends),
    )


def _pronounced(told: dict[str, Any]) -> Pronounced:
    return Pronounced(Verdict(told["outcome"], told["reason"], told["basis"]), _moment(told["at"]))


def _moment(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()


def counts(operators: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """Every count of tasks above 0: the metric, its labels, how many."""
    with urlopen(f"{operators}/metrics", timeout=ASK_SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    # All pairs of outcome and reason of all tasks are there at 0: a parser is slow on them.
    kept = [line for line in lines if _SAMPLE.match(line) and not line.endswith(" 0.0")]
    for family in text_string_to_metric_families("\n".join(kept) + "\n"):
        for sample in family.samples:
            yield sample.name, sample.labels, int(sample.value)


def _counted(
    samples: Iterable[tuple[str, dict[str, str], int]],
) -> tuple[dict[int, Entry], list[str]]:
    """The entries as their counters have them, and the series that are nobody's."""
    told: dict[int, dict[str, Counter[Any]]] = defaultdict(lambda: defaultdict(Counter))
    strays = []
    for metric, labels, count in samples:
        number = number_of(labels["task"])
        if number is None or labels["service_name"] != SERVICE:
            strays.append(f"a series of {labels['service_name']} {labels['task']}")
            continue
        of_task = told[number]
        if metric == "afterword_tasks_scheduled_total":
            of_task["scheduled"][""] += count
        elif metric == "afterword_tasks_settled_total":
            of_task["settled"][verdict_of(labels)] += count
        elif metric == "afterword_tasks_amended_total":
            of_task["amended"][amendment_of(labels)] += count
        elif metric == "afterword_task_start_delay_seconds_count":
            of_task["starts"][""] += count
        elif labels["outcome"] == "in_flight":
            of_task["in_flight"][""] += count
    entries = {
        number: Entry(
            scheduled=of_task["scheduled"].total(),
            in_flight=of_task["in_flight"].total(),
            settled=of_task["settled"],
            amended=of_task["amended"],
            starts=of_task["starts"].total(),
        )
        for number, of_task in told.items()
    }
    return entries, strays


def verdict_of(labels: dict[str, str]) -> Verdict:
    """What a sample of the settled tasks stands for."""
    return Verdict(labels["outcome"], labels["reason"], labels["basis"])


def amendment_of(labels: dict[str, str]) -> Amendment:
    """What a sample of the amendments stands for."""
    return Amendment(
        labels["from_outcome"], labels["from_reason"], labels["to_outcome"], labels["to_reason"]
    )


def audited(operators: str) -> Audited:
    """What the book says of itself, of all services together."""
    with urlopen(f"{operators}/api/v1/audit", timeout=ASK_SECONDS) as answer:
        audit = json.load(answer)
    services = audit["services"]
    at_fault = [fault for each in services for fault in each["streams_at_fault"]]
    return Audited(
        trusted=audit["trusted"],
        missing=sum(fault["missing"] for fault in at_fault),
        counted=round(sum(each["scheduled"] for each in services)),
        why=tuple(word for fault in at_fault for word in fault["why"]),
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

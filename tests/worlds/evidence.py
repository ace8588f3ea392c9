"""What this process tells, task by task: read back from a real spool directory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import afterword
from afterword import internal_errors, names, settings, stream


class Told(NamedTuple):
    """All that was told of one task."""

    name: str
    opening: dict[str, Any]
    """The attributes of its opening."""
    events: tuple[str, ...]
    """In the order they were told: ``scheduled``, ``started``, ``settled``."""
    closing: dict[str, Any]
    """The attributes of its closing; empty while it is open."""

    @property
    def ending(self) -> str:
        """``outcome/reason``; empty while it is open."""
        return f"{self.closing[names.OUTCOME]}/{self.closing[names.REASON]}" if self.closing else ""

    @property
    def payload(self) -> Any:
        """The payload document."""
        return json.loads(self.opening[names.PAYLOAD])


class Evidence:
    """The segments of a spool directory that no sidecar reads."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def tasks(self, name: str = "") -> list[Told]:
        """In the order of their openings; those whose name ends so."""
        opened: dict[int, tuple[dict[str, Any], list[str], list[dict[str, Any]]]] = {}
        for event, record in self._records():
            sequence = record[names.SEQUENCE]
            if event == "scheduled":
                opened[sequence] = (record, [event], [])
            elif event in {"started", "pending", "settled"}:
                _, events, closings = opened[record[names.OPENING_SEQUENCE]]
                events.append(event)
                if event == "settled":
                    closings.append(record)
        told = []
        for opening, events, closings in opened.values():
            assert len(closings) <= 1, f"{opening[names.NAME]} was settled {len(closings)} times"
            closing = closings[0] if closings else {}
            told.append(Told(opening[names.NAME], opening, tuple(events), closing))
        return [task for task in told if task.name.endswith(name)]

    def endings(self) -> dict[str, list[str]]:
        """By task, ``outcome/reason`` of each; empty for those that are open."""
        endings: dict[str, list[str]] = {}
        for task in self.tasks():
            endings.setdefault(task.name.rpartition(".")[2], []).append(task.ending)
        return endings

    def _records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for segment in sorted(self.directory.glob("*.jsonl")):
            for line in segment.read_text().splitlines():
                for resource in json.loads(line)["resourceLogs"]:
                    for scope in resource["scopeLogs"]:
                        for record in scope["logRecords"]:
                            event = record["eventName"].removeprefix("deferred_task.")
                            yield event, _attributes(record)


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    attributes = {}
    for each in record["attributes"]:
        ((kind, value),) = each["value"].items()
        attributes[each["key"]] = int(value) if kind == "intValue" else value
    return attributes


@contextmanager
def recorded(directory: Path, **configured: Any) -> Iterator[Evidence]:
    """Evidence of this process goes to ``directory``; our own errors are raised, not logged."""
    internal_errors.re_raise = True
    afterword.configure(spool=directory, service_name="shop", **configured)
    try:
        yield Evidence(directory)
    finally:
        internal_errors.re_raise = False
        settings.load({})
        stream.renew()

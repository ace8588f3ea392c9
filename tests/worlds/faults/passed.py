"""What the sidecar has acknowledged to an application: whose opening, whose closing."""

import gzip
import json
from collections.abc import Iterable
from typing import Any, Final

from worlds.faults.book import number_of
from worlds.faults.entries import Wire

_GZIP: Final = b"\r\ncontent-encoding: gzip\r\n"
_SCHEDULED: Final = "deferred_task.scheduled"
_SETTLED: Final = frozenset(("deferred_task.settled", "deferred_task.rollup"))

_ALONE: Final = ("deferred_task.sequence",)
_FOLDED: Final = (
    *_ALONE,
    "deferred_task.opening_sequence",
    "deferred_task.started_sequence",
)
_FOLDS: Final = frozenset(("deferred_task.folded", "deferred_task.started_sequence"))


class Passed:
    """Requests, looked into only when somebody asks."""

    def __init__(self) -> None:
        self._requests: Final[list[bytes]] = []
        self._read = 0
        self._openings: Final[set[int]] = set()
        self._closings: Final[set[int]] = set()

    @property
    def requests(self) -> int:
        """How many so far."""
        return len(self._requests)

    def saw(self, request: bytes) -> None:
        """The sidecar has answered this request with 200."""
        self._requests.append(request)

    @property
    def wire(self) -> Wire:
        """Whose evidence is in them. A closing stands for its opening, too."""
        while self._read < len(self._requests):
            for record in _records(self._requests[self._read]):
                self._note(record)
            self._read += 1
        return Wire(frozenset(self._openings), frozenset(self._closings))

    def _note(self, record: dict[str, Any]) -> None:
        attributes = {each["key"]: each["value"] for each in record["attributes"]}
        name = attributes.get("deferred_task.name", {}).get("stringValue", "")
        number = number_of(name)
        if number is None:
            return
        event = record["eventName"]
        if event == _SCHEDULED or event in _SETTLED:
            self._openings.add(number)
        if event in _SETTLED:
            self._closings.add(number)


def numbers_in(requests: Iterable[bytes]) -> set[int]:
    """All numbers of the sequence for which the records of these requests stand."""
    found = set()
    for record in (record for request in requests for record in _records(request)):
        attributes = {each["key"]: each["value"] for each in record["attributes"]}
        stands_for = _FOLDED if attributes.keys() & _FOLDS else _ALONE
        found |= {int(attributes[key]["intValue"]) for key in stands_for if key in attributes}
    return found


def _records(request: bytes) -> list[dict[str, Any]]:
    head, _, body = request.partition(b"\r\n\r\n")
    if not body:
        return []
    if _GZIP in head.lower() + b"\r\n":
        body = gzip.decompress(body)
    return [
        record
        for resource in json.loads(body).get("resourceLogs", ())
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]

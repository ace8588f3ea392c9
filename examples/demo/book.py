"""What the book says, read as anybody would: dead letters from the API, counters from /metrics."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from examples.demo.comparison import BookReading, Letter
from examples.demo.truth import TaskOfOrder, Verdict

SERVICE = "shop"


class Book:
    """A reader of the sidecar's operators' port at ``url``."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60.0)

    def close(self) -> None:
        """Let go of its connection."""
        self._client.close()

    def settled(self) -> int:
        """How many of the shop's tasks have been pronounced upon."""
        reading = self._counters()
        return sum(reading[1].values())

    def letters(self, **wanted: str) -> Iterator[dict[str, Any]]:
        """The shop's dead letters with their payloads, newest first, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            asked = {"service": SERVICE, "include": "payload", **wanted}
            if cursor:
                asked["cursor"] = cursor
            response = self._client.get("/api/v1/dead-letters", params=asked)
            response.raise_for_status()
            page = response.json()
            yield from page["items"]
            cursor = page["next_cursor"]

    def all_say_where(self, task: str, number: int) -> bool:
        """Whether so many of a task are in flight, all about to be cut off, with their line."""
        asked = {"outcome": "in_flight", "task": task}
        response = self._client.get("/api/v1/tasks", params=asked)
        response.raise_for_status()
        waiting = response.json()["items"]
        return len(waiting) == number and all(each["pending"] for each in waiting)

    def read(self) -> BookReading:
        """Everything the comparison needs. Raises ``httpx.HTTPError``."""
        scheduled, settled, in_flight = self._counters()
        return BookReading(
            letters=[_letter(told) for told in self.letters()],
            scheduled=scheduled,
            settled=settled,
            in_flight=in_flight,
        )

    def _counters(
        self,
    ) -> tuple[dict[str, int], dict[tuple[str, Verdict], int], dict[str, int]]:
        response = self._client.get("/metrics")
        response.raise_for_status()
        scheduled: dict[str, int] = defaultdict(int)
        settled: dict[tuple[str, Verdict], int] = defaultdict(int)
        in_flight: dict[str, int] = defaultdict(int)
        for family in text_string_to_metric_families(response.text):
            for sample in family.samples:
                labels, value = sample.labels, int(sample.value)
                if labels.get("service_name") != SERVICE:
                    continue
                if sample.name == "afterword_tasks_scheduled_total":
                    scheduled[labels["task"]] += value
                elif sample.name == "afterword_tasks_settled_total":
                    verdict = Verdict(labels["outcome"], labels["reason"], labels["basis"])
                    settled[labels["task"], verdict] += value
                elif sample.name == "afterword_tasks" and labels["outcome"] == "in_flight":
                    in_flight[labels["task"]] += value
        return scheduled, settled, in_flight


def _letter(told: dict[str, Any]) -> Letter:
    verdict = told["verdict"]
    return Letter(
        id=told["id"],
        key=TaskOfOrder(_order_of(told["payload"]), told["task"]),
        verdict=Verdict(verdict["outcome"], verdict["reason"], verdict["basis"]),
    )


def _order_of(payload: Any) -> str:
    """The order that a captured payload names, wherever in the arguments it stands."""
    if isinstance(payload, dict):
        if isinstance(payload.get("order_id"), str):
            return str(payload["order_id"])
        payload = list(payload.values())
    if isinstance(payload, list):
        return next((found for part in payload if (found := _order_of(part))), "")
    return ""

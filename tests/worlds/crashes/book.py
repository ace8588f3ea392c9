"""What the restarted sidecar says, over its operators' port."""

from collections import Counter
from typing import NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families


class Totals(NamedTuple):
    """Of all tasks together; that each series balances was checked when it was read."""

    scheduled: int
    in_flight: int
    settled: Counter[str]
    """By outcome."""


async def totals(session: aiohttp.ClientSession, url: str) -> Totals:
    """One scrape. Raises ``AssertionError`` if a series of it does not balance."""
    async with session.get(f"{url}/metrics") as answer:
        text = await answer.text()
        assert answer.status == 200, text
    scheduled, in_flight, settled = Counter[str](), Counter[str](), Counter[str]()
    outcomes = Counter[str]()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            task, count = sample.labels.get("task", ""), int(sample.value)
            if sample.name == "afterword_tasks_scheduled_total":
                scheduled[task] += count
            elif sample.name == "afterword_tasks_settled_total":
                settled[task] += count
                outcomes[sample.labels["outcome"]] += count
            elif sample.name == "afterword_tasks_amended_total":
                settled[task] -= count
            elif sample.name == "afterword_tasks" and sample.labels["outcome"] == "in_flight":
                in_flight[task] += count
    for task, count in scheduled.items():
        assert count == settled[task] + in_flight[task], f"{task} does not balance:\n{text}"
    return Totals(scheduled.total(), in_flight.total(), +outcomes)


async def dead_letter_ids(session: aiohttp.ClientSession, url: str) -> Counter[str]:
    """Every dead letter there is, page by page: how often each id came."""
    ids = Counter[str]()
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        async with session.get(f"{url}/api/v1/dead-letters", params=asked) as answer:
            page = await answer.json()
            assert answer.status == 200, page
        ids.update(letter["id"] for letter in page["items"])
        cursor = page["next_cursor"]
    return ids

"""The operators' port over a real book: what it shows, refuses, and never does to the loop."""

import asyncio
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import openapi_spec_validator
import pytest
from aiohttp import hdrs
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from afterword_sidecar.ledger.facts import Settled
from afterword_sidecar.ledger.records import Total
from afterword_sidecar.web import openapi
from afterword_sidecar.web.api_shapes import UnreadyReason
from afterword_sidecar.web.api_tasks import EXAMINED_PER_PAGE
from worlds.operators_port import OperatorsPort

ID = "000102030405060708090a0b0c0d0e0f"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def named(items: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["id"].removeprefix(f"{ID}-"), item["outcome"]) for item in items]


def balance(families: Iterable[Metric]) -> tuple[float, float]:
    """(scheduled, what became of it) over all series of one scrape."""
    sums: dict[str, float] = defaultdict(float)
    for sample in (sample for family in families for sample in family.samples):
        if sample.name != "afterword_tasks" or sample.labels["outcome"] == "in_flight":
            sums[sample.name] += sample.value
    settled = sums["afterword_tasks_settled_total"] - sums["afterword_tasks_amended_total"]
    return sums["afterword_tasks_scheduled_total"], settled + sums["afterword_tasks"]


def test_the_openapi_document_is_valid_and_true() -> None:
    """The file is OpenAPI 3.1, and what the code would write."""
    checked_in = openapi.document().decode()
    openapi_spec_validator.validate(json.loads(checked_in))
    assert checked_in == openapi.written(), "run: python -m afterword_sidecar.web.openapi"


async def test_metrics_in_both_forms_balance(port: OperatorsPort) -> None:
    """Text and OpenMetrics parse with Prometheus' own parser, and one scrape is one version."""
    await port.told(
        port.scheduled(1, trace_id=bytes(range(1, 17)), span_id=b"s" * 8, sampled=True),
        port.scheduled(2),
        port.failed(3, 1),
    )
    text = await port.get("/metrics")
    _, opened, response = await port.ask("/metrics", OPENMETRICS)
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert balance(parse_text(text)) == (2, 2)
    families = {family.name: family for family in parse_openmetrics(opened)}  # type: ignore[no-untyped-call] # the library's
    assert balance(families.values()) == (2, 2)
    exemplars = [s.exemplar for s in families["afterword_tasks_settled"].samples if s.exemplar]
    assert [e.labels["trace_id"] for e in exemplars] == [bytes(range(1, 17)).hex()]


async def test_a_garbage_accept_header_gets_text_and_gzip_is_honoured(port: OperatorsPort) -> None:
    """A version that is not a number is no error; a zipped scrape is the same scrape."""
    headers = {"Accept": "application/openmetrics-text;version=garbage", "Accept-Encoding": "gzip"}
    response = await port.client.get("/metrics", headers=headers)
    assert response.status == 200
    assert response.headers["Content-Encoding"] == "gzip"
    assert b"afterword_sidecar_build_info" in await response.read()
    plain = await port.client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert hdrs.CONTENT_ENCODING not in plain.headers
    assert gzip.compress(await plain.read())


async def test_rendering_a_hundred_thousand_series_does_not_hold_the_loop(
    port: OperatorsPort,
) -> None:
    """Requests are answered and evidence is acknowledged while 100,000 series are rendered."""
    book = port.service._writer._book
    for number in range(100_000):
        labels = ("shop", f"task {number}", "failed")
        book._totals.values["dead_letters_buried", labels] = Total(
            "dead_letters_buried", labels, 1.0, 1.0
        )
    scrape = asyncio.create_task(port.ask("/metrics", OPENMETRICS))
    for number in range(1, 11):
        await port.get("/healthz")
        await port.told(port.scheduled(number))
    assert not scrape.done()
    _, text, _ = await scrape
    assert text.count("afterword_dead_letters_buried_total{") == 100_000


async def test_health_and_readiness(port: OperatorsPort) -> None:
    """Alive as long as it answers; ready only while evidence is taken, with reasons when not."""
    assert await port.get("/healthz") == {"status": "alive"}
    assert await port.get("/readyz") == {"status": "ready", "reasons": []}
    port.unready = [UnreadyReason("spool_unreadable", "/spool is gone")]
    port.store.full = True
    write = asyncio.create_task(port.told(port.scheduled(1)))
    await port.store.has_failed()
    status, answer, _ = await port.ask("/readyz")
    assert status == 503
    assert [reason["code"] for reason in answer["reasons"]] == ["store_failing", "spool_unreadable"]
    assert "the disk is full" in answer["reasons"][0]["detail"]
    port.store.full = False
    await asyncio.gather(write, return_exceptions=True)


async def test_while_the_store_fails_metrics_are_served_and_the_list_says_when_to_come(
    port: OperatorsPort,
) -> None:
    """A scrape shows the last committed version; a list that cannot be of one is a 503."""
    await port.told(port.scheduled(1))
    port.store.full = True
    write = asyncio.create_task(port.told(port.scheduled(2)))
    await port.store.has_failed()
    text = await port.get("/metrics")
    assert "afterword_sidecar_store_failing 1.0" in text
    status, answer, response = await port.ask("/api/v1/tasks")
    assert (status, "the disk is full" in answer["detail"]) == (503, True)
    assert int(response.headers["Retry-After"]) >= 1
    port.store.full = False
    await asyncio.gather(write, return_exceptions=True)


async def test_tasks_in_flight_and_settled(port: OperatorsPort) -> None:
    """In flight oldest first, then settled latest first; filters combine; an amendment is once."""
    await port.told(port.scheduled(2, trace_id=bytes(15) + b"\1", span_id=bytes(7) + b"\2"))
    port.now += 1
    await port.told(port.scheduled(3, "report", deadline=port.now + 30))
    await port.told(port.scheduled(4), port.failed(5, 4))
    other = b"o" * 16
    await port.told(port.scheduled(1), stream=other, service="mail")
    await port.service.stream_ended(other, alive_at=port.now)
    await port.told(
        Settled(2, 1, port.now, "send_receipt", "completed", "completed"),
        stream=other,
        service="mail",
    )
    everything = await port.get("/api/v1/tasks")
    assert named(everything["items"]) == [
        ("2", "in_flight"),
        ("3", "in_flight"),
        (f"{other.hex()}-1", "completed"),
        ("4", "failed"),
    ]
    assert everything["next_cursor"] is None
    amended = everything["items"][2]
    assert [v["reason"] for v in amended["history"]] == ["instance_lost"]
    first = everything["items"][0]
    assert first["trace"] == {
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "2",
        "parent_span_id": None,
        "sampled": False,
    }
    assert first["scheduled_at"] == "2023-11-14T22:13:20.000000Z"
    for parameters, ids in (
        ({"outcome": "in_flight"}, ["2", "3"]),
        ({"task": "report"}, ["3"]),
        ({"service": "mail"}, [f"{other.hex()}-1"]),
        ({"service": "shop", "reason": "exception"}, ["4"]),
        ({"since": str(port.now), "outcome": "in_flight"}, ["3"]),
        ({"until": "2023-11-14T22:13:20.5Z"}, ["2"]),
        ({"until": "2023-11-14t22:13:20.5z"}, ["2"]),
        ({"service": "nobody"}, []),
    ):
        page = await port.get("/api/v1/tasks", **parameters)
        assert [item for item, _ in named(page["items"])] == ids, parameters


async def test_a_listing_is_of_one_moment(port: OperatorsPort) -> None:
    """Pages follow one another without gap or repetition though tasks come and go meanwhile."""
    await port.told(*(port.scheduled(number) for number in range(1, 8)))
    page = await port.get("/api/v1/tasks", limit="3")
    seen = named(page["items"])
    await port.told(port.failed(8, 1), port.failed(9, 5))
    port.monotonic += 5
    assert named((await port.get("/api/v1/tasks", limit="3"))["items"])[0] == ("2", "in_flight")
    while page["next_cursor"]:
        page = await port.get("/api/v1/tasks", limit="3", cursor=page["next_cursor"])
        seen += named(page["items"])
    assert seen == [(str(number), "in_flight") for number in range(1, 8)]


async def test_a_cursor_to_a_listing_that_is_gone_is_410(port: OperatorsPort) -> None:
    """Listings are kept for a while only; whoever comes later is told to begin again."""
    await port.told(port.scheduled(1), port.scheduled(2))
    page = await port.get("/api/v1/tasks", limit="1")
    port.monotonic += 1_000
    status, _, _ = await port.ask("/api/v1/tasks", cursor=page["next_cursor"])
    assert status == 410


async def test_a_page_looks_at_a_bounded_number_of_tasks(port: OperatorsPort) -> None:
    """A rare task among many is found over several short pages, none of which runs for long."""
    many = EXAMINED_PER_PAGE + 10
    await port.told(*(port.scheduled(number) for number in range(1, many)))
    port.now += 1
    await port.told(port.scheduled(many, "rare"))
    page = await port.get("/api/v1/tasks", task="rare")
    assert (page["items"], page["next_cursor"] is None) == ([], False)
    page = await port.get("/api/v1/tasks", task="rare", cursor=page["next_cursor"])
    assert (named(page["items"]), page["next_cursor"]) == ([(str(many), "in_flight")], None)


async def test_a_dead_letter_says_what_happened_and_why(port: OperatorsPort) -> None:
    """Outcome, reason, basis, the rule in words, the evidence, the error, and the payload."""
    payload = '{"args": [1.10, 12345678901234567890], "kwargs": {"to": "a@b.c"}}'
    await port.told(port.scheduled(1, payload=payload, route="/buy"), port.failed(2, 1))
    await port.told(port.scheduled(3, payload_omitted="capture is off"))
    await port.service.stream_ended(bytes(range(16)), alive_at=port.now)
    listed = await port.get("/api/v1/dead-letters")
    assert sorted(named(listed["items"])) == [("1", "failed"), ("3", "dropped")]
    letter = await port.get(f"/api/v1/dead-letters/{ID}-1")
    assert letter["payload"] == json.loads(payload)
    assert (letter["error"]["type"], letter["error"]["message"]) == (
        "ValueError",
        "no such address",
    )
    raw = await (await port.client.get(f"/api/v1/dead-letters/{ID}-1")).text()
    assert "[1.10,12345678901234567890]" in raw
    lost = await port.get(f"/api/v1/dead-letters/{ID}-3")
    verdict = lost["verdict"]
    assert (verdict["outcome"], verdict["reason"], verdict["basis"], verdict["final"]) == (
        "dropped",
        "instance_lost",
        "proven",
        True,
    )
    assert verdict["rule"] == {"number": 13, "words": "Its process is gone, and it had not ended."}
    assert [cited["kind"] for cited in verdict["evidence"]] == [
        "deferred_task.scheduled",
        "stream_ended",
    ]
    assert all(cited["words"] for cited in verdict["evidence"])
    assert (lost["payload"], lost["payload_omitted"]) == (None, "capture is off")


@pytest.mark.parametrize("payload", ["not json {", "NaN", "1e999", "[" * 5000])
async def test_a_payload_that_is_not_json_is_kept_as_text(
    port: OperatorsPort, payload: str
) -> None:
    """What a client sent as its payload is shown as it is and never breaks the answer."""
    await port.told(port.scheduled(1, payload=payload), port.failed(2, 1))
    letter = await port.get(f"/api/v1/dead-letters/{ID}-1")
    assert (letter["payload"], letter["payload_text"]) == (None, payload)


async def test_dead_letters_are_filtered_and_paged(port: OperatorsPort) -> None:
    """Newest first, page by page, each once; with payloads when asked for."""
    for number in range(1, 8):
        port.now += 1
        opened = port.scheduled(2 * number - 1, payload=f"[{number}]")
        await port.told(opened, port.failed(2 * number, 2 * number - 1))
    page = await port.get("/api/v1/dead-letters", limit="3", include="payload")
    payloads = [letter["payload"] for letter in page["items"]]
    while page["next_cursor"]:
        cursor = page["next_cursor"]
        page = await port.get("/api/v1/dead-letters", limit="3", include="payload", cursor=cursor)
        payloads += [letter["payload"] for letter in page["items"]]
    assert payloads == [[7], [6], [5], [4], [3], [2], [1]]
    since = await port.get("/api/v1/dead-letters", since=str(port.now), state="open")
    assert named(since["items"]) == [("13", "failed")]
    assert (await port.get("/api/v1/dead-letters", outcome="dropped"))["items"] == []


async def test_absurd_times_are_shown_and_break_nothing(port: OperatorsPort) -> None:
    """A client's clock may say anything finite; the calendar's ends stand for what is beyond."""
    await port.told(port.scheduled(1, deadline=1e300), port.failed(2, 1))
    letter = await port.get(f"/api/v1/dead-letters/{ID}-1")
    assert letter["deadline"] == "9999-12-31T23:59:59.999999Z"


@pytest.mark.parametrize(
    ("path", "parameters", "named_parameter"),
    [
        ("/api/v1/tasks", {"outcome": "lost"}, "outcome"),
        ("/api/v1/tasks", {"outcom": "failed"}, "outcom"),
        ("/api/v1/tasks", {"reason": "because"}, "reason"),
        ("/api/v1/tasks", {"limit": "0"}, "limit"),
        ("/api/v1/tasks", {"limit": "501"}, "limit"),
        ("/api/v1/tasks", {"limit": "000000500000000"}, "limit"),
        ("/api/v1/tasks", {"limit": "9" * 5000}, "limit"),
        ("/api/v1/tasks", {"limit": "٣"}, "limit"),
        ("/api/v1/tasks", {"service": ""}, "service"),
        ("/api/v1/tasks", {"since": "yesterday"}, "since"),
        ("/api/v1/tasks", {"since": "2026-11-23T19:00:00"}, "since"),
        ("/api/v1/tasks", {"since": "nan"}, "since"),
        ("/api/v1/tasks", {"since": "20", "until": "10"}, "until"),
        ("/api/v1/tasks", {"cursor": "abc"}, "cursor"),
        ("/api/v1/dead-letters", {"cursor": "abc"}, "cursor"),
        ("/api/v1/dead-letters", {"outcome": "in_flight"}, "outcome"),
        ("/api/v1/dead-letters", {"include": "payload", "limit": "51"}, "limit"),
        ("/api/v1/dead-letters/x-1", {"verbose": "1"}, "verbose"),
    ],
)
async def test_a_wrong_parameter_is_named(
    port: OperatorsPort, path: str, parameters: dict[str, str], named_parameter: str
) -> None:
    """400 with a problem document; a filter that is not understood never means "all"."""
    status, answer, response = await port.ask(path, **parameters)
    assert (status, answer["parameter"]) == (400, named_parameter)
    assert response.content_type == "application/problem+json"


async def test_a_plus_that_became_a_blank_is_explained(port: OperatorsPort) -> None:
    """``+01:00`` unescaped in a URL arrives with a blank; only then is the advice of use."""
    _, answer, _ = await port.ask("/api/v1/tasks", since="2026-11-23T19:00:00 01:00")
    assert "must be %2B" in answer["detail"]
    _, answer, _ = await port.ask("/api/v1/tasks", since="yesterday")
    assert "%2B" not in answer["detail"]


async def test_what_is_not_there_and_what_is_not_allowed(port: OperatorsPort) -> None:
    """404 and 405 are problem documents too; nothing but reading is possible."""
    for path in ("/api/v1/dead-letters/nothing", f"/api/v1/dead-letters/{ID}-9", "/favicon.ico"):
        assert (await port.ask(path))[0] == 404
    posted = await port.client.post("/api/v1/tasks", json={})
    assert (posted.status, posted.headers["Allow"]) == (405, "GET,HEAD")
    assert posted.content_type == "application/problem+json"
    twice = await port.client.get("/api/v1/tasks?task=a&task=b")
    assert twice.status == 400


async def test_every_answer_is_safe_for_a_browser(port: OperatorsPort) -> None:
    """Security headers everywhere, no CORS, and no reading by a foreign name (DNS rebinding)."""
    for path in ("/metrics", "/api/v1/tasks", "/nowhere", "/healthz"):
        response = await port.client.get(path, headers={"Origin": "https://evil.example"})
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert not any(name.startswith("Access-Control") for name in response.headers)
    rebound = await port.client.get("/api/v1/dead-letters", headers={"Host": "evil.example:9464"})
    assert rebound.status == 421
    for host in ("localhost:9464", "127.0.0.1", "[::1]:9464", "shop.localhost"):
        assert (await port.client.get("/healthz", headers={"Host": host})).status == 200

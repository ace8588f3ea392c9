"""What is not evidence goes on as it came, and neither keeps nor fails whoever sent it."""

import gzip
import json
import time
from typing import Any

import pytest
from aiohttp import web

from worlds.otlp_backend import HANG, Backend
from worlds.otlp_requests import encode, logs, record, scheduled, traces
from worlds.sidecar_process import PATIENCE_SECONDS

SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "name": "GET /",
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "2",
}
TRACES = encode(traces([SPAN]), "protobuf")
JSON_TRACES = encode(traces([SPAN]), "json")
JSON_METRICS = json.dumps({"resourceMetrics": [{"scopeMetrics": []}]}).encode()
LOGS = encode(logs([record("shop.paid", {})], stream=None), "protobuf")
JSON = "application/json"
PROTOBUF = "application/x-protobuf"


def plain(answer: int, **headers: str) -> web.Response:
    return web.Response(status=answer, headers=headers)


@pytest.mark.parametrize(
    ("signal", "body", "headers"),
    [
        ("traces", TRACES, {"Content_Type": PROTOBUF}),
        ("traces", JSON_TRACES, {"Content_Type": JSON}),
        ("traces", gzip.compress(TRACES), {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"}),
        ("metrics", JSON_METRICS, {"Content_Type": JSON}),
        ("logs", LOGS, {"Content_Type": PROTOBUF}),
    ],
    ids=["protobuf", "json", "gzip", "metrics", "logs"],
)
async def test_what_is_not_evidence_goes_on_byte_for_byte(
    backend: Backend, sidecar: Any, signal: str, body: bytes, headers: dict[str, str]
) -> None:
    """Body, encoding and compression as they came; who passed it on is said."""
    assert await sidecar.post(signal, body, **headers) == 200
    (got,) = await backend.until(lambda: backend.taken)
    assert (got.path, got.body) == (f"/v1/{signal}", body)
    assert got.headers["Content-Type"] == headers["Content_Type"]
    assert got.headers.get("Content-Encoding", "") == headers.get("Content_Encoding", "")
    assert got.headers["Afterword-Forwarded-By"] == sidecar.service.book_id


async def test_of_a_mixed_request_only_the_rest_goes_on(backend: Backend, sidecar: Any) -> None:
    """The evidence is booked; its payload is nowhere upstream. Evidence alone sends nothing."""
    secret = "4111111111111111"
    ours = scheduled(1, {"payload": secret})
    alone = encode(logs([scheduled(2)]), "json")
    mixed = encode(logs([ours, record("shop.paid", {})]), "json")
    assert await sidecar.post("logs", alone, Content_Type=JSON) == 200
    assert (
        await sidecar.post("logs", gzip.compress(mixed), Content_Type=JSON, Content_Encoding="gzip")
        == 200
    )
    (got,) = await backend.until(lambda: backend.taken)
    (scope,) = json.loads(got.plain)["resourceLogs"][0]["scopeLogs"]
    assert [each["eventName"] for each in scope["logRecords"]] == ["shop.paid"]
    assert secret.encode() not in got.plain
    assert (await sidecar.service.view()).open_tasks == 2


async def test_what_upstream_cannot_take_now_is_brought_again(
    backend: Backend, sidecar: Any
) -> None:
    """After 503, 429, 502 and 504 it is there, the same bytes, and the tries are counted."""
    backend.answers += [plain(503), plain(429), plain(502), plain(504)]
    assert await sidecar.post("traces", TRACES) == 200
    await backend.until(lambda: backend.taken)
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert [got.body for got in backend.got] == [TRACES] * 5
    assert sidecar.upstream.stats.retries == {"traces": 4}


async def test_retry_after_is_honoured(backend: Backend, sidecar: Any) -> None:
    """A second asked for is a second waited, where the pause itself would be 10 ms."""
    backend.answers.append(plain(503, **{"Retry-After": "1"}))
    begun = time.monotonic()
    await sidecar.post("traces", TRACES)
    await backend.until(lambda: backend.taken)
    assert time.monotonic() - begun >= 1.0


async def test_an_upstream_that_is_away(start_sidecar: Any) -> None:
    """What was refused a connection arrives once somebody listens again."""
    backend = Backend()
    async with backend.serving():
        to = backend.destinations()
    sidecar = await start_sidecar(to)
    assert await sidecar.post("traces", TRACES) == 200
    again = Backend()
    async with again.serving(port=int(backend.url.rpartition(":")[2])):
        (got,) = await again.until(lambda: again.taken)
        await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert got.body == TRACES
    assert sidecar.upstream.stats.dropped == {}


async def test_what_upstream_refuses_is_dropped_and_counted(backend: Backend, sidecar: Any) -> None:
    """400 and 500 are for good, and the next request is not held up."""
    backend.answers += [plain(400), plain(500)]
    for _ in range(3):
        await sidecar.post("traces", TRACES)
    await backend.until(lambda: backend.taken)
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert len(backend.got) == 3
    assert sidecar.upstream.stats.dropped == {("traces", "refused"): 2}


async def test_json_is_sent_as_protobuf_where_json_is_refused(
    backend: Backend, sidecar: Any
) -> None:
    """After one 415 the same request arrives as protobuf, and so do those that follow."""
    backend.always = lambda got: plain(415) if got.headers["Content-Type"] == JSON else None
    await sidecar.post("traces", JSON_TRACES, Content_Type=JSON)
    await backend.until(lambda: backend.taken)
    for _ in range(8):
        await sidecar.post("traces", JSON_TRACES, Content_Type=JSON)
    await backend.until(lambda: len(backend.taken) == 9)
    assert {got.body for got in backend.taken} == {TRACES}


async def test_a_hanging_upstream_keeps_nobody_waiting(
    backend: Backend, start_sidecar: Any
) -> None:
    """The receiver answers at once; what finds no room, in bytes, is dropped and counted."""
    backend.always = lambda _got: HANG
    sidecar = await start_sidecar(backend.destinations(), queue_bytes=10 * len(TRACES))
    statuses = [await sidecar.post("traces", TRACES) for _ in range(15)]
    assert statuses == [200] * 15
    stats = sidecar.upstream.stats
    assert stats.dropped == {("traces", "queue_full"): 5}
    assert (stats.queue_requests["traces"], stats.queue_bytes["traces"]) == (10, 10 * len(TRACES))
    await sidecar.upstream.stop(0.01)
    assert stats.dropped["traces", "stopped"] == 10
    assert stats.queue_bytes["traces"] == 0


async def test_it_does_not_go_round_in_circles(backend: Backend, sidecar: Any) -> None:
    """What this sidecar has passed on and comes back to it is dropped, and counted."""
    book = sidecar.service.book_id
    assert await sidecar.post("traces", TRACES, Afterword_Forwarded_By=book) == 200
    assert await sidecar.post("traces", JSON_TRACES, Content_Type=JSON) == 200
    (got,) = await backend.until(lambda: backend.taken)
    assert got.body == JSON_TRACES
    assert sidecar.upstream.stats.dropped == {("traces", "loop"): 1}


async def test_records_that_upstream_rejects_are_counted(backend: Backend, sidecar: Any) -> None:
    """``partial_success`` of a 200: taken, not sent again, and its count is kept."""
    partial = b"\x0a\x04\x08\x02\x12\x00"  # rejected_spans: 2
    backend.answers.append(web.Response(body=partial, content_type=PROTOBUF))
    await sidecar.post("traces", TRACES)
    await sidecar.post("traces", JSON_TRACES, Content_Type=JSON)
    await backend.until(lambda: len(backend.taken) == 2)
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert sidecar.upstream.stats.sent == {"traces": 2}
    assert sidecar.upstream.stats.records_rejected == {"traces": 2}


async def test_headers_and_compression_are_as_asked_for(
    backend: Backend, start_sidecar: Any
) -> None:
    """Plain bodies are compressed; tokens go along."""
    to = backend.destinations(gzip=True, headers=(("Authorization", "Bearer t"),))
    sidecar = await start_sidecar(to)
    await sidecar.post("traces", TRACES)
    (got,) = await backend.until(lambda: backend.taken)
    assert got.headers["Authorization"] == "Bearer t"
    assert got.headers["Content-Encoding"] == "gzip"
    assert got.plain == TRACES


async def test_a_redirect_is_not_followed(backend: Backend, sidecar: Any) -> None:
    """It would carry a token to whoever it names."""
    backend.answers.append(plain(307, Location=f"{backend.url}/elsewhere"))
    await sidecar.post("traces", TRACES)
    await sidecar.post("traces", TRACES)
    await backend.until(lambda: backend.taken)
    await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert [got.path for got in backend.got] == ["/v1/traces"] * 2

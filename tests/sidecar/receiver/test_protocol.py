"""What OTLP/HTTP prescribes: statuses, bodies and headers, in both encodings, exactly."""

import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientSession
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from afterword_sidecar.web.limits import ReceiverLimits

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
STREAM = "0123456789abcdef0123456789abcdef"


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def record(sequence: int, name: str = "deferred_task.scheduled") -> dict[str, Any]:
    return {
        "timeUnixNano": "1790000000000000000",
        "eventName": name,
        "attributes": [
            attribute("deferred_task.sequence", intValue=str(sequence)),
            attribute("deferred_task.name", stringValue="send_receipt"),
        ],
    }


def request(*records: dict[str, Any], stream: str = STREAM) -> dict[str, Any]:
    scope = {
        "name": "afterword",
        "attributes": [attribute("deferred_task.stream", stringValue=stream)],
    }
    return {"resourceLogs": [{"scopeLogs": [{"scope": scope, "logRecords": list(records)}]}]}


def encoded(content_type: str, *records: dict[str, Any]) -> bytes:
    document = request(*records)
    if content_type == JSON:
        return json.dumps(document).encode()
    return json_format.ParseDict(document, ExportLogsServiceRequest()).SerializeToString()


def message_of(content_type: str, body: bytes) -> tuple[int, str]:
    """(code, message) of a ``google.rpc.Status`` in either encoding."""
    if content_type == JSON:
        status = json.loads(body)
        return status["code"], status["message"]
    read = Status.FromString(body)
    return read.code, read.message


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_full_success_is_an_empty_answer(
    receiver: Any, content_type: str, encoding: str
) -> None:
    """All taken: 200, the empty message, the book's id; and the evidence is in the book."""
    body = encoded(content_type, record(1), record(2))
    headers = {"Content-Type": content_type, "Content-Encoding": encoding}
    sent = gzip.compress(body) if encoding == "gzip" else body
    async with receiver.client.post("/v1/logs", data=sent, headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == content_type
        assert answer.headers["Afterword-Book"] == receiver.service.book_id
        assert await answer.read() == (b"{}" if content_type == JSON else b"")
    assert await receiver.scheduled() == 2


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
async def test_one_bad_record_costs_that_record(receiver: Any, content_type: str) -> None:
    """Partial success counts what was rejected, says why, and the others are booked."""
    body = encoded(content_type, record(1), record(2, "deferred_task.danced"), record(3))
    async with receiver.client.post(
        "/v1/logs", data=body, headers={"Content-Type": content_type}
    ) as answer:
        assert answer.status == 200
        got = await answer.read()
    if content_type == JSON:
        partial = json.loads(got)["partialSuccess"]
        assert partial["rejectedLogRecords"] == "1"
        assert "unknown_event" in partial["errorMessage"]
    else:
        read = ExportLogsServiceResponse.FromString(got).partial_success
        assert read.rejected_log_records == 1
        assert "unknown_event" in read.error_message
    assert await receiver.scheduled() == 2
    assert receiver.service.stats.records_rejected == {"unknown_event": 1}


@pytest.mark.parametrize(
    "path", ["/v1/logs", "/v1/traces", "/v1/metrics", "/v1development/profiles"]
)
@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
async def test_an_empty_request_is_a_success(receiver: Any, path: str, content_type: str) -> None:
    """Nothing sent is nothing wrong, on every path."""
    for body in (b"", b"{}" if content_type == JSON else b""):
        async with receiver.client.post(
            path, data=body, headers={"Content-Type": content_type}
        ) as answer:
            assert (answer.status, await answer.read()) == (
                200,
                b"{}" if content_type == JSON else b"",
            )


class Refusal(NamedTuple):
    """A request that is not taken, and what is answered."""

    status: int
    code: int
    says: str
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    method: str = "POST"
    path: str = "/v1/logs"


GZIP = {"Content-Encoding": "gzip"}
REFUSALS = {
    "method": Refusal(405, 12, "POST", method="GET"),
    "path": Refusal(404, 5, "/v1/logs", path="/v1/dreams"),
    "encoding": Refusal(400, 3, "gzip", b"x", {"Content-Encoding": "br"}),
    "undecodable": Refusal(400, 3, "decode", b"\xff\x00{"),
    "truncated gzip": Refusal(400, 3, "cut short", gzip.compress(b"{}" * 100)[:-6], GZIP),
    "too large on the wire": Refusal(413, 8, "2000 bytes", b" " * 2001),
    "too large inflated": Refusal(413, 8, "4000 bytes", gzip.compress(b" " * 4001), GZIP),
    "another book": Refusal(503, 14, "this is book", headers={"Afterword-Book": "f" * 32}),
}


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_refusals_say_what_is_wrong(
    start_receiver: Callable[..., Awaitable[Any]], content_type: str, refusal: Refusal
) -> None:
    """Each refusal has its status, and a google.rpc.Status in the request's own encoding."""
    limits = ReceiverLimits(body_bytes=2000, inflated_bytes=4000, inline_bytes=500)
    running = await start_receiver(limits)
    async with running.client.request(
        refusal.method,
        refusal.path,
        data=refusal.body or None,
        headers={"Content-Type": content_type, **refusal.headers},
    ) as answer:
        assert answer.status == refusal.status
        assert answer.headers["Content-Type"] == content_type
        assert answer.headers["Afterword-Book"] == running.service.book_id
        assert ("Retry-After" in answer.headers) == (refusal.status == 503)
        assert (answer.headers.get("Allow") == "POST") == (refusal.status == 405)
        code, message = message_of(content_type, await answer.read())
    assert code == refusal.code
    assert refusal.says in message


async def test_another_content_type_is_415(receiver: Any) -> None:
    """Neither of OTLP's encodings: 415, said in JSON; a charset beside JSON is no other type."""
    for content_type, status in {
        "text/plain": 415,
        "": 415,
        "application/json; charset=utf-8": 200,
        "APPLICATION/X-PROTOBUF": 200,
    }.items():
        async with receiver.client.post(
            "/v1/logs", data=b"", headers={"Content-Type": content_type}
        ) as answer:
            assert answer.status == status, content_type


async def test_the_token_is_asked_for_before_the_body(
    start_receiver: Callable[..., Awaitable[Any]],
) -> None:
    """401 with a challenge for no token, a wrong one, or bytes that are no text; 200 with it."""
    running = await start_receiver(token="grün-geheim")
    client: ClientSession = running.client
    wrong = ["", "Bearer nope", "Basic grün-geheim", "Bearer", "Bearer \udcff\udcfe"]
    for authorization in wrong:
        headers = {"Content-Type": JSON, "Authorization": authorization}
        async with client.post("/v1/logs", data=b"not read", headers=headers) as answer:
            assert answer.status == 401, authorization
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    headers = {"Content-Type": JSON, "Authorization": "bearer grün-geheim"}
    async with client.post("/v1/logs", data=b"{}", headers=headers) as answer:
        assert answer.status == 200


async def test_whoever_runs_the_sidecar_hears_of_clients_turned_away(
    start_receiver: Callable[..., Awaitable[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """One line a minute for wrong tokens and one for another book, and no token in it."""
    running = await start_receiver(token="right")
    for sent in (
        {"Authorization": "Bearer wr0ng"},
        {"Authorization": "Bearer right", "Afterword-Book": "f" * 32},
    ):
        for _ in range(3):
            headers = {"Content-Type": JSON, **sent}
            async with running.client.post("/v1/logs", data=b"{}", headers=headers) as answer:
                assert answer.status in {401, 503}
    token, book = caplog.records
    assert "without the right token" in token.message
    assert "of another book" in book.message
    assert "wr0ng" not in str(vars(token))


async def test_the_same_book_echoed_is_welcome(receiver: Any) -> None:
    """A client that names this very book is taken."""
    headers = {"Content-Type": JSON, "Afterword-Book": receiver.service.book_id}
    async with receiver.client.post("/v1/logs", data=b"{}", headers=headers) as answer:
        assert answer.status == 200


async def test_a_bug_of_ours_is_a_503(
    receiver: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client drops its data for good on 500; so what we did wrong is sent again."""

    async def submit(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(receiver.service, "submit", submit)
    async with receiver.client.post(
        "/v1/logs", data=encoded(JSON, record(1)), headers={"Content-Type": JSON}
    ) as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
    assert receiver.service.stats.internal_errors == 1
    assert "ZeroDivisionError" in caplog.text


async def test_no_answer_tells_which_library_gives_it(receiver: Any) -> None:
    """The receiver calls itself what the operators' port does, also in a refusal."""
    for path, status in (("/v1/logs", 200), ("/favicon.ico", 404)):
        headers = {"Content-Type": JSON}
        async with receiver.client.post(path, data=b"{}", headers=headers) as answer:
            assert (answer.status, answer.headers["Server"]) == (status, "afterword")


async def test_every_answer_is_counted(receiver: Any) -> None:
    """By signal and status; what is no signal of OTLP's is ``other``."""
    for path in ("/v1/logs", "/v1/logs", "/v1/traces", "/favicon.ico"):
        async with receiver.client.post(path, data=b"{}", headers={"Content-Type": JSON}):
            pass
    assert receiver.service.stats.requests == {
        ("logs", 200): 2,
        ("traces", 200): 1,
        ("other", 404): 1,
    }

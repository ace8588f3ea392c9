"""Nobody can make the receiver fall over, stand still, or hold more than it may."""

import asyncio
import gzip
import io
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from afterword_sidecar import otlp
from afterword_sidecar.web.limits import ReceiverLimits

HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
MIB = 2**20


def zeros(size_bytes: int) -> bytes:
    """A bomb: ``size_bytes`` of zeros as gzip, about a thousandth of that."""
    return gzip.compress(bytes(size_bytes), 9)


async def test_eight_bombs_hold_nobody_up(
    start_receiver: Callable[..., Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While bombs take turns another client is served, a ninth is put off, and each is a 413."""
    at_once: list[int] = []
    inside = threading.Semaphore(0)
    go_on = threading.Event()

    def inflate(body: bytes, encoding: str, limit_bytes: int) -> bytes:
        if limit_bytes > ReceiverLimits().inline_bytes:
            at_once.append(len(at_once) + 1)
            inside.release()
            assert go_on.wait(20)
        return otlp.inflate(body, encoding, limit_bytes)

    monkeypatch.setattr("afterword_sidecar.web.decoding.inflate", inflate)
    running = await start_receiver(ReceiverLimits(large_bodies=8))
    bomb = zeros(80 * MIB)

    async def throw() -> int:
        async with running.client.post("/v1/logs", data=bomb, headers=HEADERS) as answer:
            return int(answer.status)

    bombs = [asyncio.create_task(throw()) for _ in range(9)]
    await asyncio.to_thread(inside.acquire)
    headers = {"Content-Type": "application/json"}
    async with running.client.post("/v1/logs", data=b"{}", headers=headers) as answer:
        assert answer.status == 200
    done, waiting = await asyncio.wait(bombs, return_when=asyncio.FIRST_COMPLETED)
    assert [bomb.result() for bomb in done] == [503]
    assert at_once == [1], "one bomb is being inflated, the others wait their turn"
    go_on.set()
    assert await asyncio.gather(*waiting) == [413] * 8


async def test_sixteen_million_empty_records(receiver: Any) -> None:
    """32 KB that would become 16 million objects are refused before any is made."""
    records = b"\x12\x00" * 16_000_000
    scope = b"\x12" + _varint(len(records)) + records
    body = b"\x0a" + _varint(len(scope)) + scope
    sent = gzip.compress(body, 9)
    assert len(sent) < 40_000
    async with receiver.client.post("/v1/logs", data=sent, headers=HEADERS) as answer:
        assert answer.status == 413
    document = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + b"{}," * 16_000_000 + b"{}]}]}]}"
    headers = {**HEADERS, "Content-Type": "application/json"}
    async with receiver.client.post(
        "/v1/logs", data=gzip.compress(document), headers=headers
    ) as answer:
        assert answer.status == 413


async def test_a_million_empty_gzip_members(receiver: Any) -> None:
    """Gzip members without content are not a way to compute for ever."""
    members = io.BytesIO(gzip.compress(b"") * 1_000_000)
    async with asyncio.timeout(20):
        async with receiver.client.post("/v1/logs", data=members, headers=HEADERS) as answer:
            assert answer.status == 200


async def test_all_bodies_together_are_bounded(
    start_receiver: Callable[..., Awaitable[Any]],
) -> None:
    """Beyond the room for all bodies a client is asked to come again; given back, it is taken."""
    limits = ReceiverLimits(all_bodies_bytes=100_000)
    running = await start_receiver(limits)
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(_head(90_000) + b" " * 80_000)
    await writer.drain()
    body = b"{" + b" " * 50_000 + b"}"
    headers = {"Content-Type": "application/json"}
    status = 200
    while status == 200:  # until the other's bytes have arrived
        async with running.client.post("/v1/logs", data=body, headers=headers) as answer:
            status = answer.status
    assert status == 503
    writer.close()
    await writer.wait_closed()
    while status == 503:
        async with running.client.post("/v1/logs", data=body, headers=headers) as answer:
            status = answer.status
    assert status == 200


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"POST /v1/logs HTTP/1.1\r\nHost: a\r\nX-Half:", b"", id="half a header"),
        pytest.param(b"*", b"503", id="half a body"),
    ],
)
async def test_half_sent_requests_are_closed(
    start_receiver: Callable[..., Awaitable[Any]], sent: bytes, answered: bytes
) -> None:
    """Who stops in the middle does not keep a connection for ever."""
    running = await start_receiver(
        ReceiverLimits(body_seconds=0.05, keepalive_seconds=0.05, lingering_seconds=0.05)
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(sent.replace(b"*", _head(1000) + b"{"))
    async with asyncio.timeout(20):
        got = await reader.read()
    assert answered in got.split(b"\r\n")[0]
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "framing",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}garbage\r\n0\r\n\r\n",
        b"Content-Length: minus\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    ],
)
async def test_broken_framing_is_a_400(receiver: Any, framing: bytes) -> None:
    """Bytes that are no HTTP are the sender's mistake, and end that connection only."""
    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    writer.write(
        b"POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + framing
    )
    async with asyncio.timeout(20):
        got = await reader.read()
    assert b" 400 " in got.split(b"\r\n")[0]
    writer.close()
    await writer.wait_closed()


async def test_chunks_of_a_byte_are_one_body(receiver: Any) -> None:
    """A body without a length, in the smallest pieces, is read whole."""
    body = json.dumps({"resourceLogs": []}).encode()
    pieces = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in body)
    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    writer.write(
        b"POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
    )
    async with asyncio.timeout(20):
        got = await reader.read()
    assert b" 200 " in got.split(b"\r\n")[0]
    assert got.endswith(b"\r\n\r\n{}")
    writer.close()
    await writer.wait_closed()


async def test_an_endless_body_is_cut_at_the_limit(
    start_receiver: Callable[..., Awaitable[Any]],
) -> None:
    """Chunks without end are refused once they are too many, not when they stop."""
    running = await start_receiver(ReceiverLimits(body_bytes=100_000, lingering_seconds=0.05))

    async def endless() -> Any:
        while True:
            yield b" " * 10_000

    headers = {"Content-Type": "application/json"}
    async with running.client.post("/v1/logs", data=endless(), headers=headers) as answer:
        assert answer.status == 413


def _head(length: int) -> bytes:
    return (
        b"POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % length
    )


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)

"""What is no HTTP, sent to both ports of a real sidecar: answered, and hardly worth a line."""

import json
import logging
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from afterword_sidecar.web.broken_requests import ServerLog
from afterword_sidecar.web.now_and_then import SECONDS_BETWEEN_LINES
from worlds.sidecar_process import PATIENCE_SECONDS, SidecarProcess

SECRET = b"s3cret"
HEAD = b"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
BROKEN = {
    "a path of 9,000 bytes": b"GET /" + SECRET * 1_500 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a version of the future": b"GET / HTTP/9.9\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: elsewhere\r\n\r\n",
    "a header of 20,000 bytes": GET + b"X: " + b"x" * 20_000 + b"\r\n\r\n",
    "10,000 headers": GET + b"X: y\r\n" * 10_000 + b"\r\n",
    "a token with a control character": GET + b"Authorization: Bearer " + SECRET + b"\0\r\n\r\n",
    "a chunk of no size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk of endless size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + GET + b"\r\n",
    "a length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "chunks or not": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "an address of no port": b"GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"\x80" * 190,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
}


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[SidecarProcess]:
    with SidecarProcess(tmp_path) as running:
        yield running


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)


def answer_to(url: str, sent: bytes) -> bytes:
    """The first line of what comes back, the connection closed by the sidecar."""
    with connect(url) as connection:
        connection.sendall(sent)
        got = b""
        while piece := connection.recv(65_536):
            got += piece
    return got.partition(b"\r\n")[0]


def all_logged(sidecar: SidecarProcess) -> list[dict[str, Any]]:
    """Every line, once it has stopped: one that was just written may still be in the pipe."""
    assert sidecar.stop() == 0
    return [json.loads(line) for line in sidecar.log.splitlines()]


def test_each_is_refused_and_all_of_them_are_one_line(sidecar: SidecarProcess) -> None:
    """No traceback, nothing of what was sent, and one line a minute for each port."""
    for url in (sidecar.operators, sidecar.receiver):
        answers = {what: answer_to(url, sent) for what, sent in BROKEN.items()}
        assert {what: b" 400 " in line for what, line in answers.items()} == dict.fromkeys(
            BROKEN, True
        )
    assert sidecar.get("/healthz") == {"status": "alive"}
    lines = all_logged(sidecar)
    turned_away = [line for line in lines if "no valid HTTP" in line["message"]]
    assert [line["port"] for line in turned_away] == ["operators", "receiver"]
    assert {line["level"] for line in lines if line not in turned_away} == {"info"}
    assert not any("exception" in line for line in lines)
    assert SECRET.decode() not in sidecar.log


def test_who_hangs_up_is_nobody_s_mistake(sidecar: SidecarProcess) -> None:
    """Gone before the answer was written, or in its midst: no line at all."""
    for path in (b"/live", b"/metrics", b"/api/v1/tasks") * 10:
        with connect(sidecar.operators) as connection:
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            # Closed with a reset, so that what is written to it fails.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert sidecar.get("/healthz") == {"status": "alive"}
    told = [line["message"] for line in all_logged(sidecar)]
    assert told[told.index("ready") :] == ["ready", "stopping", "stopped"]


def test_a_line_tells_of_all_since_the_one_before(caplog: pytest.LogCaptureFixture) -> None:
    """None is uncounted, and what is a bug of ours keeps its traceback."""
    now = 0.0
    log = ServerLog("receiver", lambda: now)
    tell = log.exception  # as aiohttp does: outside of any handler
    for _ in range(3):
        tell("Error handling request", exc_info=BadHttpMessage("no"))
    now += SECONDS_BETWEEN_LINES
    tell("Error handling request", exc_info=BadHttpMessage("no"))
    tell("Unhandled exception", exc_info=ZeroDivisionError("ours"))
    told = [(each.levelno, vars(each).get("requests")) for each in caplog.records]
    assert told == [(logging.WARNING, 1), (logging.WARNING, 3), (logging.ERROR, None)]
    assert [each.exc_info is not None for each in caplog.records] == [False, False, True]

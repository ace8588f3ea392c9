"""A sidecar's HTTP port that misbehaves as told: a real socket, one scripted answer a request."""

import gzip
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Self

PATIENCE_SECONDS: Final = 60.0
"""How long a test waits for what must happen, before it says that it did not."""


class Reply(NamedTuple):
    """An answer. The status 0 stands for none: the connection is reset."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b"{}"


RESET: Final = Reply(0)
HANG: Final = Reply(-1)
"""No answer until the test is over."""
LAST: Final = Reply(-2)
"""A good answer, and the connection closed after it without a word (a keep-alive that ran out)."""


class Request(NamedTuple):
    """What arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    records: list[dict[str, Any]]
    connection: int
    """Which connection it came on, counted from 1."""

    @property
    def sequences(self) -> list[int]:
        """The sequence of each record, in order."""
        return [int(attributes(record)["deferred_task.sequence"]) for record in self.records]


def attributes(record: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a log record, their values unwrapped."""
    return {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}


class ScriptedSidecar:
    """Answers as ``script`` says, then 200 for ever. A context manager."""

    def __init__(self, *script: Reply, most_records: int | None = None, port: int = 0) -> None:
        self.script: Final = deque(script)
        self.most_records: Final = most_records
        self.requests: Final[list[Request]] = []
        self._changed: Final = threading.Condition()
        self._over: Final = threading.Event()
        self._connections = 0
        self._server: Final = _server(self, port)
        self._thread: Final = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def sequences(self) -> list[int]:
        """Of all records of all requests, in order."""
        return [number for request in self.requests for number in request.sequences]

    def wait_for_requests(self, count: int) -> None:
        self.wait_until(lambda: len(self.requests) >= count, f"{count} requests have arrived")

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Return when it holds, looked at again with each request: the last one may be the one."""
        with self._changed:
            came = self._changed.wait_for(holds, PATIENCE_SECONDS)
        assert came, f"it did not come to pass that {what}: {len(self.requests)} requests arrived"

    def new_connection(self) -> int:
        with self._changed:
            self._connections += 1
            return self._connections

    def take(self, request: Request) -> Reply:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            if self.most_records is not None and len(request.records) > self.most_records:
                return Reply(413)
            return self.script.popleft() if self.script else Reply()

    def wait_until_over(self) -> None:
        self._over.wait(PATIENCE_SECONDS)


def _server(sidecar: ScriptedSidecar, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.number = sidecar.new_connection()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            scope = json.loads(gzip.decompress(body) if packed else body)["resourceLogs"][0]
            records = scope["scopeLogs"][0]["logRecords"]
            request = Request(self.path, dict(self.headers), body, records, self.number)
            self._answer(sidecar.take(request))

        def _answer(self, reply: Reply) -> None:
            if reply is RESET:
                self.close_connection = True
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                return
            if reply is HANG:
                self.close_connection = True
                sidecar.wait_until_over()
                return
            if reply is LAST:
                self.close_connection = True
                reply = Reply()
            head = [f"HTTP/1.1 {reply.status} Scripted", f"Content-Length: {len(reply.body)}"]
            head += [f"{name}: {value}" for name, value in reply.headers.items()]
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + reply.body)

        def finish(self) -> None:
            with suppress(OSError):  # of a connection that was reset
                super().finish()

        def log_message(self, *_: object) -> None:
            """The test reads the requests, not standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server

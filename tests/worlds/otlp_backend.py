"""A real OTLP receiver: what an upstream gets, and answers as it is told to."""

import asyncio
import gzip
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeVar

from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from afterword_sidecar.upstream import SIGNALS, Destination, Destinations
from worlds.sidecar_process import PATIENCE_SECONDS

T = TypeVar("T")
HANG: Final = web.Response(status=599)
"""Among the answers: hold the request until the backend ends."""


class Got(NamedTuple):
    """A request, whatever it was answered."""

    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def plain(self) -> bytes:
        """The body, inflated."""
        return (
            gzip.decompress(self.body)
            if self.headers.get("Content-Encoding") == "gzip"
            else self.body
        )


class Told(NamedTuple):
    """A span or log record with the resource it came under, and its attributes as plain values."""

    record: Any
    resource: dict[str, Any]
    attributes: dict[str, Any]


class Backend:
    """Answers 200 unless ``answers`` has something else for the next request."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[Got] = []
        self.taken: list[Got] = []
        """Those that were answered with 200."""
        self.answers: deque[web.Response] = deque()
        self.always: Callable[[Got], web.Response | None] = lambda _got: None
        self._changed = asyncio.Condition()
        self._over = asyncio.Event()

    def destinations(self, **more: Any) -> Destinations:
        """All three signals to this backend."""
        paths = {signal: f"{self.url}/v1/{signal}" for signal in SIGNALS}
        return Destinations(**{key: Destination(url=path, **more) for key, path in paths.items()})

    async def until(self, find: Callable[[], T | None]) -> T:
        """What ``find`` finds once enough requests have come."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            while not (found := find()):
                await self._changed.wait()
            return found

    def spans(self) -> list[Told]:
        """Of the requests taken, in the order they came."""
        return [
            Told(span, values(resource.resource.attributes), values(span.attributes))
            for got in self.taken
            if got.path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(got.plain).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def records(self) -> list[Told]:
        """The log records of the requests taken (protobuf), in the order they came."""
        return [
            Told(record, values(resource.resource.attributes), values(record.attributes))
            for got in self.taken
            if got.path == "/v1/logs"
            for resource in ExportLogsServiceRequest.FromString(got.plain).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def verdicts(self) -> list[dict[str, Any]]:
        """The attributes of the verdict events, without the prefix of their names."""
        return [
            {key.removeprefix("deferred_task."): value for key, value in told.attributes.items()}
            for told in self.records()
            if told.record.event_name == "deferred_task.verdict"
        ]

    async def handle(self, request: web.Request) -> web.Response:
        got = Got(request.path, await request.read(), dict(request.headers))
        answer = self.answers.popleft() if self.answers else self.always(got)
        async with self._changed:
            self.got.append(got)
            if answer is None or answer.status == 200:
                self.taken.append(got)
            self._changed.notify_all()
        if answer is HANG:
            await self._over.wait()
        return answer or web.Response(content_type="application/x-protobuf")

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["Backend"]:
        """On a socket of its own; again on the same ``port`` if it was served before."""
        application = web.Application(client_max_size=64 << 20)
        application.router.add_post("/{path:.*}", self.handle)
        runner = web.AppRunner(application, auto_decompress=False, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            self._over.set()
            await runner.cleanup()


def values(attributes: Any) -> dict[str, Any]:
    """Attributes as plain Python values."""
    return {each.key: _value(each.value) for each in attributes if isinstance(each, KeyValue)}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return values(value.kvlist_value.values)
    return getattr(value, kind) if kind else None

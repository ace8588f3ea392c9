"""A started service with a real book behind the operators' port, every answer held to OpenAPI."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
from aiohttp import test_utils

import afterword_sidecar.web.openapi
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch, Fact, Scheduled, Settled, Source
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Changes
from afterword_sidecar.service import Pace, Service
from afterword_sidecar.stores.contract import StoreError
from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.web.api_shapes import UnreadyReason
from afterword_sidecar.web.operators import operators_app

START = 1_700_000_000.0
STREAM = bytes(range(16))
TRACE = (bytes(range(1, 17)), bytes(range(1, 9)))


class Contract:
    """The checked-in document, made strict: a field it does not name is an error here."""

    def __init__(self) -> None:
        path = Path(afterword_sidecar.web.openapi.__file__).with_name("openapi.json")
        self.document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for schema in self.document["components"]["schemas"].values():
            schema["additionalProperties"] = False
        self._formats = jsonschema.FormatChecker(formats=())
        self._formats.checks("date-time", ValueError)(self._is_moment)

    def check(self, path: str, status: int, content_type: str, body: bytes) -> Any:
        """Raise unless the document allows this answer of a GET; returns it parsed."""
        template = re.sub(r"/(dead-letters|tasks)/.+", r"/\1/{id}", path)
        if template not in self.document["paths"] or status == HTTPStatus.METHOD_NOT_ALLOWED:
            schema: dict[str, Any] = {"$ref": "#/components/schemas/Problem"}
            assert content_type == "application/problem+json"
        else:
            answers = self.document["paths"][template]["get"]["responses"]
            schema = answers[str(status)]["content"][content_type]["schema"]
        if content_type not in {"application/json", "application/problem+json"}:
            return body.decode()
        answer = json.loads(body)
        whole = {**schema, "components": self.document["components"]}
        validator = jsonschema.Draft202012Validator(whole, format_checker=self._formats)
        validator.validate(answer)
        return answer

    @staticmethod
    def _is_moment(value: object) -> bool:
        return not isinstance(value, str) or bool(datetime.fromisoformat(value).tzinfo)


class TroubledStore(MemoryStore):
    """The memory store, with a disk that can be full."""

    def __init__(self) -> None:
        super().__init__()
        self.full = self.tried = False
        self._loop = asyncio.get_running_loop()
        self._failed = asyncio.Event()

    async def has_failed(self) -> None:
        """Returns once a commit has failed and everybody can know it."""
        await self._failed.wait()

    def commit(self, changes: Changes) -> None:
        if self.full:
            # The second try: by then the service has taken note of the first one's failure.
            if self.tried:
                self._loop.call_soon_threadsafe(self._failed.set)
            self.tried = True
            raise StoreError("commit: the book: the disk is full; free some space")
        super().commit(changes)


class OperatorsPort:
    """What a test holds: the service, its clock, and a client of the port."""

    def __init__(self, store: TroubledStore | None = None, now: float = START) -> None:
        self.now = now
        self.monotonic = 0.0
        self.store = store or TroubledStore()
        self.contract = Contract()
        self.unready: list[UnreadyReason] = []
        book = Book(Limits(client_backoff_seconds=0.0), self.store.load(), self.now)
        pace = Pace(stall_seconds=float("inf"), first_retry_seconds=0.001, view_age_seconds=0.01)
        self.service = Service(book, self.store, clock=lambda: self.now, pace=pace)
        app = operators_app(
            self.service,
            version="0.1.0",
            unready=lambda: self.unready,
            clock=lambda: self.monotonic,
        )
        self.client = test_utils.TestClient(test_utils.TestServer(app, host="127.0.0.1"))

    async def told(self, *facts: Fact, stream: bytes = STREAM, service: str = "shop") -> None:
        """Evidence comes in and is durable."""
        await self.service.submit([Batch(Source(stream, service), list(facts), self.now)], 100)

    async def ask(
        self, path: str, accept: str = "*/*", **parameters: str
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """The status, the body parsed and held against the contract, and the response."""
        response = await self.client.get(path, params=parameters, headers={"Accept": accept})
        body = await response.read()
        parsed = self.contract.check(path, response.status, response.content_type, body)
        return response.status, parsed, response

    async def get(self, path: str, **parameters: str) -> Any:
        """The body of an answer that must be 200."""
        status, parsed, _ = await self.ask(path, "*/*", **parameters)
        assert status == HTTPStatus.OK, parsed
        return parsed

    def scheduled(self, sequence: int, task: str = "send_receipt", **more: Any) -> Scheduled:
        """An opening at this world's time."""
        return Scheduled(sequence=sequence, at=self.now, task=task, platform="vercel", **more)

    def failed(self, sequence: int, opening_sequence: int, **more: Any) -> Settled:
        """A closing: it raised."""
        return Settled(
            sequence=sequence,
            opening_sequence=opening_sequence,
            at=self.now,
            task="send_receipt",
            outcome="failed",
            reason="exception",
            platform="vercel",
            duration_seconds=0.25,
            error_type="ValueError",
            exception_message="no such address",
            **more,
        )


@asynccontextmanager
async def operators_port() -> AsyncIterator[OperatorsPort]:
    """A running one."""
    port = OperatorsPort()
    await port.service.start()
    await port.client.start_server()
    try:
        yield port
    finally:
        await port.client.close()
        port.store.full = False
        await port.service.stop()

"""Clients that report over HTTP and send again whatever was not acknowledged."""

import asyncio
import random
import time

import aiohttp

from afterword.evidence import Failure, Opening, Record, Settled, TaskKind
from afterword.names import COMPLETED, FAILED
from afterword.otlp_json import Envelope, encode

BATCH = 40
SPANNING = 1 / 3
FAILING = 1 / 10


class Crossing:
    """What the clients and whoever kills the sidecar have in common."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        """Set while the sidecar runs; a client waits for it before it tries again."""
        self.enough = False
        self._reached = asyncio.Event()
        self._requests = 0

    def sent(self) -> None:
        """A client is about to send a request."""
        self._requests -= 1
        if self._requests <= 0:
            self._reached.set()

    async def requests(self, number: int) -> None:
        """Wait until so many more requests are under way."""
        self._requests = number
        self._reached.clear()
        await self._reached.wait()


class Client:
    """One stream: its tasks, the batches that tell of them, and which were acknowledged."""

    def __init__(self, number: int, seed: int) -> None:
        self._chance = random.Random(seed * 1000 + number)
        self._stream = self._chance.randbytes(16)
        self._envelope = Envelope(self._stream, {"service.name": "shop"}, "1")
        self._kind = TaskKind(f"task_{number}", "asyncio")
        self._sequence = 0
        self._open: list[Opening] = []
        self.opened = self.completed = 0
        """What it has told of in batches that were acknowledged."""
        self.failed: set[str] = set()
        """The same, as the ids their dead letters must have."""
        self.told_opened = 0
        """What it has told of in batches that were sent, acknowledged or not."""
        self.attempts = self.batches = 0

    async def report(
        self,
        session: aiohttp.ClientSession,
        url: str,
        crossing: Crossing,
    ) -> None:
        """Send batch after batch while more is wanted, then one that closes all that is open."""
        while not crossing.enough:
            await self._deliver(session, url, self._batch(), crossing)
        closings: list[Record] = [self._close(opening) for opening in self._open]
        self._open = []
        await self._deliver(session, url, closings, crossing)

    def _batch(self) -> list[Record]:
        """Openings and closings; about a third of the tasks end in a later batch."""
        records: list[Record] = [self._close(opening) for opening in self._open]
        self._open = []
        while len(records) < BATCH:
            opening = self._hand_over()
            records.append(opening)
            if self._chance.random() < SPANNING:
                self._open.append(opening)
            else:
                records.append(self._close(opening))
        return records

    def _hand_over(self) -> Opening:
        self._sequence += 1
        return Opening(
            self._sequence, time.time_ns(), self._kind, payload=f'{{"task":{self._sequence}}}'
        )

    def _close(self, opening: Opening) -> Settled:
        self._sequence += 1
        number, now = self._sequence, time.time_ns()
        if self._chance.random() < FAILING:
            failure = Failure(error_type="ValueError", exception_message="no")
            return Settled(number, now, opening, FAILED, "exception", 0.01, failure=failure)
        return Settled(number, now, opening, COMPLETED, "completed", 0.01)

    async def _deliver(
        self,
        session: aiohttp.ClientSession,
        url: str,
        records: list[Record],
        crossing: Crossing,
    ) -> None:
        """Send until it is acknowledged, the same bytes every time."""
        body = self._envelope.wrap(map(encode, records))
        self.told_opened += sum(isinstance(record, Opening) for record in records)
        self.batches += 1
        while not await self._acknowledges(session, url, body, crossing):
            pass
        self._acknowledged(records)

    async def _acknowledges(
        self, session: aiohttp.ClientSession, url: str, body: bytes, crossing: Crossing
    ) -> bool:
        await crossing.up.wait()
        self.attempts += 1
        crossing.sent()
        try:
            async with session.post(
                f"{url}/v1/logs", data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                said = await answer.read()
        except aiohttp.ClientError:
            return False
        assert answer.status in {200, 503}, f"{answer.status}: {said!r}"
        assert answer.status == 503 or said == b"{}", f"a part was refused: {said!r}"
        return answer.status == 200

    def _acknowledged(self, records: list[Record]) -> None:
        for record in records:
            if isinstance(record, Opening):
                self.opened += 1
            elif isinstance(record, Settled) and record.outcome == COMPLETED:
                self.completed += 1
            elif isinstance(record, Settled):
                self.failed.add(f"{self._stream.hex()}-{record.opening.sequence}")

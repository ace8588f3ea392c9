"""Evidence as an application would send it, in requests built before the clock starts."""

import random
import time
from dataclasses import dataclass

from afterword.evidence import Opening, Settled, TaskKind
from afterword.otlp_json import Envelope, encode

SPANNING = 1 / 3
"""Of the tasks, how many end in a later batch than they were handed over in."""
PLACEHOLDER = bytes(16)
"""Stands for a stream in built requests; every round has streams of its own."""
TASK_NAMES = 20


@dataclass
class Stream:
    """Writes the records of ``tasks`` tasks, two each, a third of them torn apart by a batch."""

    tasks: int
    batch_size: int
    seed: int

    def batches(self) -> list[list[str]]:
        """The encoded records, in batches of ``batch_size``; the last may be shorter."""
        chance = random.Random(self.seed)
        kinds = [
            TaskKind(f"task_{n}", "starlette", function=f"shop.tasks.task_{n}")
            for n in range(TASK_NAMES)
        ]
        begun_ns = time.time_ns()
        batches: list[list[str]] = [[]]
        torn: list[Opening] = []  # handed over in an earlier batch, or (from `torn_here`) in this
        torn_here = 0
        sequence = opened = 0
        while opened < self.tasks or torn:
            if len(batches[-1]) >= self.batch_size:
                batches.append([])
                torn_here = len(torn)
            sequence += 1
            at_ns = begun_ns + sequence * 1000
            if torn_here or opened == self.tasks:
                batches[-1].append(encode(_settled(sequence, at_ns, torn.pop(0))))
                torn_here = max(0, torn_here - 1)
                continue
            opened += 1
            opening = Opening(
                sequence,
                at_ns,
                chance.choice(kinds),
                deadline=begun_ns / 1e9 + 3600.0,
                route="/orders/{id}",
                trace_id=chance.getrandbits(128) | 1,
                span_id=chance.getrandbits(64) | 1,
                sampled=True,
            )
            batches[-1].append(encode(opening))
            if chance.random() < SPANNING or len(batches[-1]) >= self.batch_size:
                torn.append(opening)
                continue
            sequence += 1
            batches[-1].append(encode(_settled(sequence, at_ns + 500, opening)))
        return batches


def requests(tasks: int, batch_size: int, seed: int) -> list[bytes]:
    """Whole HTTP requests of one connection; the stream in them is ``PLACEHOLDER``."""
    envelope = Envelope(PLACEHOLDER, {"service.name": "shop"}, "1.0")
    built = []
    for batch in Stream(tasks, batch_size, seed).batches():
        body = envelope.wrap(batch)
        head = (
            "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        built.append(head.encode() + body)
    return built


def _settled(sequence: int, at_ns: int, opening: Opening) -> Settled:
    return Settled(
        sequence,
        at_ns,
        opening,
        "completed",
        "completed",
        duration_seconds=0.0005,
        start_delay_seconds=0.0001,
    )

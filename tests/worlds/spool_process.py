"""A process that spools, told what to do line by line: run as a script, never imported by tests.

Usage: ``spool_process.py DIRECTORY SEGMENT_BYTES``. It answers every order with one line.

    open N        N tasks are handed over
    close N       the N oldest open tasks complete
    later         one more, two seconds from now by its own account
    raw HEX       these bytes are appended to the current segment, as they are
    trap          the lock file is opened and closed again, as a careless host might
    fork          a forked child opens one task of its own and stays; answers its pid and stream
    crowd N       N forked children open one task each; answers their pids
"""

import os
import secrets
import signal
import sys
import time
from collections import deque
from pathlib import Path

from afterword.delivery.spool import SpoolDelivery
from afterword.evidence import Opening, Settled, TaskKind
from afterword.otlp_json import Envelope

MAIL = TaskKind("mail", "asyncio")


class Process:
    """One stream and its open tasks."""

    def __init__(self, directory: str, segment_bytes: int) -> None:
        self.directory = directory
        self.segment_bytes = segment_bytes
        self.sequence = 0
        self.open: deque[Opening] = deque()
        self.stream = secrets.token_bytes(16)
        envelope = Envelope(self.stream, {"service.name": "shop"}, "1")
        self.delivery = SpoolDelivery(directory, self.stream, envelope, segment_bytes=segment_bytes)

    def number(self) -> int:
        self.sequence += 1
        return self.sequence

    def hand_over(self, count: int, *, in_seconds: int = 0) -> None:
        for _ in range(count):
            opening = Opening(self.number(), time.time_ns() + in_seconds * 10**9, MAIL)
            self.delivery.send(opening)
            self.open.append(opening)

    def complete(self, count: int) -> None:
        for _ in range(count):
            opening = self.open.popleft()
            number = self.number()
            self.delivery.send(Settled(number, time.time_ns(), opening, "completed", "completed"))

    def append(self, data: bytes) -> None:
        segment = max(Path(self.directory).glob(f"{self.stream.hex()}.*.jsonl"))
        with segment.open("ab", buffering=0) as file:
            file.write(data)

    def trap(self) -> None:
        (Path(self.directory) / f"{self.stream.hex()}.lock").open("rb").close()

    def fork(self) -> "Process | None":
        """In the parent ``None``; the child is a process of its own."""
        read, write = os.pipe()
        if os.fork() == 0:
            self.delivery.abandon()
            child = Process(self.directory, self.segment_bytes)
            child.hand_over(1)
            os.write(write, f"{os.getpid()} {child.stream.hex()}\n".encode())
            return child
        os.close(write)
        with os.fdopen(read) as answer:
            self.answer = answer.readline().strip()
        return None


def main() -> None:
    process = Process(sys.argv[1], int(sys.argv[2]))
    print(process.stream.hex(), flush=True)  # noqa: T201 - its way to answer
    for order in sys.stdin:
        what, _, argument = order.strip().partition(" ")
        answer = "done"
        if what == "open":
            process.hand_over(int(argument))
        elif what == "later":
            process.hand_over(1, in_seconds=2)
        elif what == "close":
            process.complete(int(argument))
        elif what == "raw":
            process.append(bytes.fromhex(argument))
        elif what == "trap":
            process.trap()
        else:
            answers = []
            for _ in range(int(argument or 1)):
                if process.fork() is not None:
                    signal.pause()
                answers.append(process.answer)
            answer = ",".join(answers)
        print(answer, flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    main()

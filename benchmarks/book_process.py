"""A book and its store in a process of their own, to be weighed and timed.

``BookProcess`` starts and asks it; run as a program it is that process. Frames go both ways as a
four-byte length and a JSON or OTLP/JSON body; a request's first byte says what is asked.
"""

import gc
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.otlp import decode_logs
from afterword_sidecar.stores.sqlite import SqliteStore

_LENGTH = struct.Struct(">I")
_EVIDENCE, _WEIGH, _SWEEP = b"e", b"w", b"s"


class BookProcess:
    """A book kept at ``path`` by a process of its own. A context manager."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", "benchmarks.book_process", str(path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def take(self, body: bytes) -> None:
        """Hand in a request's body; it is decoded, booked and committed, in the order given."""
        self._send(_EVIDENCE + body)

    def weigh(self) -> tuple[int, int]:
        """Resident bytes of the process, garbage collected, and how many tasks are open."""
        self._send(_WEIGH)
        resident, open_tasks = self._answer()
        return int(resident), int(open_tasks)

    def sweep(self, now: float) -> tuple[float, int]:
        """Let time come to ``now``: seconds that took, commit included, and verdicts pronounced."""
        self._send(_SWEEP + repr(now).encode())
        seconds, pronounced = self._answer()
        return seconds, int(pronounced)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def _send(self, frame: bytes) -> None:
        assert self._process.stdin is not None
        _write(self._process.stdin, frame)

    def _answer(self) -> tuple[float, float]:
        assert self._process.stdout is not None
        frame = _read(self._process.stdout)
        if not frame:
            raise RuntimeError(f"the book's process ended with {self._process.wait()}")
        first, second = json.loads(frame)
        return first, second


def _write(stream: IO[bytes], frame: bytes) -> None:
    stream.write(_LENGTH.pack(len(frame)) + frame)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if head else b""


def _resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _serve(path: Path) -> None:
    store = SqliteStore(path)
    book = Book(Limits(), store.load(), time.time())
    while frame := _read(sys.stdin.buffer):
        kind, rest = frame[:1], frame[1:]
        if kind == _EVIDENCE:
            now = time.time()
            decoded = decode_logs(rest, "json", now)
            for batch in decoded.batches:
                book.apply(batch, now)
            if decoded.rejected:
                raise RuntimeError(f"evidence was refused: {decoded.rejected}")
            store.commit(book.drain())
        elif kind == _WEIGH:
            answer = [_resident_bytes(), book.view().open_tasks]
            _write(sys.stdout.buffer, json.dumps(answer).encode())
        elif kind == _SWEEP:
            now = float(rest)
            began = time.perf_counter()
            book.advance(now)
            changes = book.drain()
            store.commit(changes)
            took = time.perf_counter() - began
            _write(sys.stdout.buffer, json.dumps([took, len(changes.settled)]).encode())
    store.close()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))

"""What truly happened, in the shop's own words.

One line before a task is handed over, one at its end. Nothing here knows of Afterword. Every line
is on the disk before the shop goes on, so that a ``kill -9`` takes back nothing; the demo compares
the book with this file.
"""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class TruthLog:
    """An append-only file of JSON lines, shared by the shop's processes. Each line is fsynced."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, event: str, **told: Any) -> None:
        """Append one line: ``event``, who says so, when (Unix seconds), and ``told``."""
        line = json.dumps({"event": event, "pid": os.getpid(), "at": time.time(), **told})
        os.write(self._fd, line.encode() + b"\n")
        os.fsync(self._fd)

    @contextmanager
    def end_of(self, order_id: str, task: str) -> Iterator[None]:
        """Wraps the body of a task, inside it: its end is written down and goes on unchanged."""
        how, error = "returned", ""
        try:
            yield
        except asyncio.CancelledError:
            how = "cancelled"
            raise
        except BaseException as raised:
            how, error = "raised", type(raised).__name__
            raise
        finally:
            self.write("ended", order=order_id, task=task, how=how, error=error)

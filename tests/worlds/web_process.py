"""An example as its README starts it: a command that serves, on a port of its own."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import httpx

from worlds.sidecar_process import PATIENCE_SECONDS

_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+")


class WebProcess:
    """Runs a command in a folder and waits until it says where it listens."""

    def __init__(self, folder: Path, command: Sequence[str], **environment: str) -> None:
        self._lines: list[str] = []
        self._url = ""
        self._listening = threading.Event()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OTEL_SERVICE_NAME": "shop", **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(PATIENCE_SECONDS) or not self._url:
            self.__exit__()
            raise AssertionError(f"{command} does not listen:\n{self.log}")

    @property
    def log(self) -> str:
        """What it wrote to standard error so far."""
        return "".join(self._lines)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        """The answer to a request."""
        return httpx.post(f"{self._url}{path}", json=body, timeout=PATIENCE_SECONDS)

    def stop(self) -> None:
        """SIGTERM, and wait: a server ends what it began."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.append(line)
            if found := _ADDRESS.search(line):
                self._url = found[0]
                self._listening.set()
        self._listening.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        if self.process.stderr is not None:
            self.process.stderr.close()

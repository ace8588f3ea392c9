"""The real sidecar as a process, started by its command, killed with -9, started again."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_SECONDS = 30.0


class SidecarProcess:
    """One sidecar on the database and the ports it began with. A context manager."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._environment = os.environ | {"AFTERWORD_SIDECAR_LOG_FORMAT": "json"}
        self._environment |= environment or {}
        self._ports = (0, 0)
        self.receiver = self.operators = ""
        """Their addresses; the same after every start."""
        self.start()

    def start(self) -> None:
        """Start it and wait until it is ready. Raises ``AssertionError`` with what it said."""
        receiver, operators = self._ports
        self._process = subprocess.Popen(
            (
                *(sys.executable, "-m", "afterword_sidecar", "sidecar"),
                *("--database", str(self._folder / "book.db")),
                *("--receiver-port", str(receiver), "--operators-port", str(operators)),
            ),
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        ready = self._await_ready()
        self.receiver, self.operators = ready["receiver"], ready["operators"]
        self._ports = (_port_of(self.receiver), _port_of(self.operators))

    def kill(self) -> None:
        """``kill -9``; returns when it is dead."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def _await_ready(self) -> dict[str, Any]:
        """Its announcement. What it says later stays in the pipe, and is little."""
        assert self._process.stderr is not None
        descriptor = self._process.stderr.fileno()
        give_up_at = time.monotonic() + START_SECONDS
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while selector.select(give_up_at - time.monotonic()):
                chunk = os.read(descriptor, 65536)
                if not chunk:
                    break
                said += chunk
                for line in said.splitlines():
                    if b'"message": "ready"' in line and line.endswith(b"}"):
                        announced: dict[str, Any] = json.loads(line)
                        return announced
        self._process.kill()
        raise AssertionError(f"the sidecar did not get ready; it said:\n{said.decode()}")


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])

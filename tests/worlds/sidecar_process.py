"""A real sidecar process on ports of its own, and what its operators' port says."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

T = TypeVar("T")
PATIENCE_SECONDS: Final = 120.0
PATIENT_EXIT: Final = {"AFTERWORD_EXIT_TIMEOUT_SECONDS": str(PATIENCE_SECONDS)}
"""Of a process that is to see all that it told delivered, however slow the machine is."""


class SidecarProcess:
    """``afterword sidecar`` over a folder: its book is ``book.db``, its spool ``spool``."""

    module = "afterword_sidecar"

    def __init__(self, folder: Path, *flags: str, **environment: str) -> None:
        self.database = folder / "book.db"
        self.spool = folder / "spool"
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._addresses: dict[str, str] = {}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", self.module, "sidecar"),
                *("--receiver-port", "0", "--operators-port", "0"),
                *("--database", str(self.database), "--spool", str(self.spool)),
                *flags,
            ],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(PATIENCE_SECONDS) or not self._addresses:
            self.kill()
            raise AssertionError(f"the sidecar did not start:\n{self.log}")

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return "".join(self._lines)

    @property
    def receiver(self) -> str:
        """The URL of the evidence port."""
        return self._addresses["receiver"]

    @property
    def operators(self) -> str:
        """The URL of the operators' port."""
        return self._addresses["operators"]

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON of an answer that must be 200."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        with urlopen(f"{self.operators}{path}{query}", timeout=PATIENCE_SECONDS) as response:
            return json.load(response)

    def counts(self, metric: str, label: str, **labels: str) -> dict[str, float]:
        """The samples of ``metric`` above 0 that carry ``labels``, summed by ``label``."""
        with urlopen(f"{self.operators}/metrics", timeout=PATIENCE_SECONDS) as response:
            families = list(text_string_to_metric_families(response.read().decode()))
        sums: dict[str, float] = {}
        for sample in (sample for family in families for sample in family.samples):
            matches = sample.name == metric and labels.items() <= sample.labels.items()
            if matches and sample.value:
                key = sample.labels[label]
                sums[key] = sums.get(key, 0.0) + sample.value
        return sums

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line, run against this sidecar."""
        return subprocess.run(
            [sys.executable, "-m", "afterword_sidecar", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
            env={**os.environ, "AFTERWORD_URL": self.operators},
        )

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.append(line)
            if '"message": "ready"' in line:
                self._addresses = json.loads(line)
                self._ready.set()
        self._ready.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


def until(find: Callable[[], T | None]) -> T:
    """What ``find`` finds at last. Each try asks a real process, so it paces itself."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (found := find()) is None:
        assert time.monotonic() < end, "it did not come to pass"
    return found

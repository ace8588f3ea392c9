"""Tasks taken durably, against half the log records that rotel takes and stores nowhere.

Same JSON bytes, same load generator, rounds in turn, medians. A task is an opening and a closing,
each acknowledged after a commit with ``synchronous=FULL``; about a third span two batches.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import rotel

ROOT: Final = Path(__file__).parent.parent
BATCH_SIZES: Final = (100, 500)
CONNECTIONS: Final = 16
TASKS_PER_ROUND: Final = 64_000


class Process:
    """A process that answers lines with lines."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        """Its next line. Raises ``RuntimeError`` if it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return line

    def ask(self, line: str) -> str:
        """What it answers to a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.line()

    def end(self) -> str:
        """Close its input; what it says last."""
        last, _ = self._process.communicate(timeout=120)
        return last


@contextmanager
def rotel_agent(directory: Path) -> Iterator[int]:
    """Run rotel with its ``blackhole`` exporter; its OTLP/HTTP port."""
    with socket.socket() as http, socket.socket() as grpc:
        http.bind(("127.0.0.1", 0))
        grpc.bind(("127.0.0.1", 0))
        port, grpc_port = http.getsockname()[1], grpc.getsockname()[1]
    agent = Path(rotel.__file__).with_name("rotel-agent")
    process = subprocess.Popen(
        [
            *(agent, "start", "--exporter", "blackhole"),
            *("--otlp-http-endpoint", f"127.0.0.1:{port}"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}"),
            *("--pid-file", directory / "rotel.pid"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            continue
        return
    raise RuntimeError(f"rotel-agent ended with {process.returncode}")


def measure(rounds: int = 5) -> dict[str, float]:
    """``ingest_ratio`` (the lower of the two batch sizes) and the raw figures beside it.

    Raises ``RuntimeError`` if the book does not hold exactly what was acknowledged.
    """
    (ROOT / "build").mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="ingest-", dir=ROOT / "build"))
    figures: dict[str, float] = {}
    try:
        with rotel_agent(directory) as rotel_port:
            for batch_size in BATCH_SIZES:
                figures |= _measure(batch_size, rounds, rotel_port, directory)
    finally:
        shutil.rmtree(directory)
    ratios = [figures[f"ingest_ratio_{batch_size}"] for batch_size in BATCH_SIZES]
    return {"ingest_ratio": min(ratios), **figures}


def _measure(batch_size: int, rounds: int, rotel_port: int, directory: Path) -> dict[str, float]:
    data = directory / str(batch_size)
    data.mkdir()
    python = sys.executable
    sidecar = Process(python, "-m", "benchmarks.ingest_sidecar", str(data))
    tasks = str(TASKS_PER_ROUND // CONNECTIONS)
    load = Process(python, "-m", "benchmarks.ingest_load", str(CONNECTIONS), tasks, str(batch_size))
    sidecar_port = sidecar.line().strip()
    load.line()
    ours, theirs = [], []
    for number in range(rounds + 1):
        own = json.loads(load.ask(sidecar_port))
        peer = json.loads(load.ask(str(rotel_port)))
        if number:  # the first round warms both up
            ours.append(own["tasks"] / own["seconds"])
            theirs.append(2 * peer["tasks"] / peer["seconds"])
    load.end()
    totals = json.loads(sidecar.end())
    sent = (rounds + 1) * TASKS_PER_ROUND
    if totals["scheduled"] != sent or totals["settled"] != sent:
        raise RuntimeError(f"{sent} tasks were acknowledged, but the book says {totals}")
    return {
        f"ingest_ratio_{batch_size}": median(ours) / (median(theirs) / 2),
        f"ingest_tasks_per_second_{batch_size}": median(ours),
        f"ingest_rotel_records_per_second_{batch_size}": median(theirs),
        f"ingest_tasks_per_commit_{batch_size}": sent / totals["commits"],
    }


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)

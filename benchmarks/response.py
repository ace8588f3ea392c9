"""The p99 of a FastAPI endpoint at a fixed rate, watched over bare.

The sidecar is up; or its port refuses; or it accepts and never answers. Each application is a
process of its own. They take turns of a tenth of a second, so that whatever else the machine does
meets them alike, and each round, a pair of each with the bare one, is twenty turns: of fewer
requests the p99 is the chance of three of them. A second bare application says what the machine
makes of no difference.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import uvloop

from benchmarks.response_load import Load

ROUNDS: Final = 21
TURNS: Final = 20
RATE: Final = 300.0
REQUESTS_A_TURN: Final = 30
BARE, BARE_AGAIN, UP, GONE, HANGING = "bare", "bare_again", "up", "gone", "hanging"


@contextmanager
def application(endpoint: str | None) -> Iterator[int]:
    """Its port; watched if it has an endpoint to report to."""
    settings = {"AFTERWORD_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "shop"} if endpoint else {}
    process = subprocess.Popen(
        (sys.executable, "-m", "benchmarks.response_app", "watched" if endpoint else "bare"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if endpoint else None,  # it says that its sidecar is gone
        env=os.environ | settings,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.communicate()


@contextmanager
def sidecar() -> Iterator[str]:
    """Its URL: the command that people start."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "afterword_sidecar", "sidecar"),
                *("--receiver-port", "0", "--operators-port", "0"),
                *("--database", str(Path(folder) / "book.db")),
            ],
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            ready = next(line for line in process.stderr if b'"message": "ready"' in line)
            yield json.loads(ready)["receiver"]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


@contextmanager
def refusing() -> Iterator[str]:
    """A port that is ours and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def hanging() -> Iterator[str]:
    """Accepts (the kernel does) and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as deaf:
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}"


async def take_turns(ports: dict[str, int]) -> dict[str, list[float]]:
    """The p99 of each round, in seconds, by application."""
    loads = {name: Load(port) for name, port in ports.items()}
    for load in loads.values():
        await load.connect()
        await load.run(RATE, TURNS * REQUESTS_A_TURN)  # what is slow once is over
    found: dict[str, list[float]] = {name: [] for name in ports}
    chance = random.Random(1)
    for _ in range(ROUNDS):
        times: dict[str, list[float]] = {name: [] for name in ports}
        for _ in range(TURNS):
            # Shuffled: what an application, or its sidecar, still does after its turn meets the
            # next one, and that should not always be the same.
            for name in chance.sample(list(ports), len(ports)):
                times[name] += await loads[name].run(RATE, REQUESTS_A_TURN)
        for name, each in times.items():
            found[name].append(quantiles(each, n=100)[98])
    for load in loads.values():
        load.close()
    return found


def measure() -> dict[str, float]:
    """The figures: medians over the rounds, and their ratios."""
    with ExitStack() as stack:
        endpoints = {
            BARE: None,
            BARE_AGAIN: None,
            UP: stack.enter_context(sidecar()),
            GONE: stack.enter_context(refusing()),
            HANGING: stack.enter_context(hanging()),
        }
        ports = {name: stack.enter_context(application(at)) for name, at in endpoints.items()}
        found = uvloop.run(take_turns(ports))
    p99 = {name: median(each) for name, each in found.items()}
    ratios = {name: p99[name] / p99[BARE] for name in (UP, GONE, HANGING)}
    return {
        **{f"response_p99_ratio_{name}": ratio for name, ratio in ratios.items()},
        "response_p99_ratio_bare": p99[BARE_AGAIN] / p99[BARE],
        **{f"response_p99_{name}_ms": seconds * 1000 for name, seconds in p99.items()},
        "response_requests_per_second": RATE,
        "response_pairs": ROUNDS,
    }


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)

"""What ``import afterword`` adds to a cold start, against OpenTelemetry's SDK and exporter.

Over bare Python with asyncio, which a web application imports anyway. One fresh interpreter per
measurement, the two interleaved, medians; the time is taken inside, after ``import asyncio``.
"""

import json
import statistics
import subprocess
import sys
from typing import Final

ROUNDS: Final = 21
LIGHT: Final = "import afterword"
HEAVY: Final = (
    "import opentelemetry.sdk.trace.export, opentelemetry.exporter.otlp.proto.http.trace_exporter"
)
_TIMED: Final = "import asyncio, time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """``import_ratio``, and the milliseconds it is made of."""
    taken: dict[str, list[float]] = {LIGHT: [], HEAVY: []}
    for number in range(rounds + 1):
        for statement, milliseconds in taken.items():
            measured = _milliseconds(statement)
            if number:  # the first one writes byte code
                milliseconds.append(measured)
    light, heavy = (statistics.median(values) for values in taken.values())
    return {
        "import_ratio": light / heavy,
        "import_afterword_milliseconds": light,
        "import_sdk_and_exporter_milliseconds": heavy,
    }


def _milliseconds(statement: str) -> float:
    command = [sys.executable, "-c", _TIMED.format(statement)]
    return float(subprocess.check_output(command, text=True)) * 1000


if __name__ == "__main__":
    print(json.dumps(measure()))

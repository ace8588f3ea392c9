"""Microseconds a record from OTLP bytes to facts: ``python benchmarks/decode.py``.

The least of many runs, as anything above it is somebody else's work on the machine.
"""

import json
import random
import time
from collections.abc import Callable

from afterword import evidence, otlp_json
from afterword_sidecar.otlp import decode_logs, decode_spool_lines
from afterword_sidecar.otlp.json_encoding import JSON_LOGS

RUNS = 300
NOW_NS = 1_795_460_000_123_456_789
SUFFIX = b"]}]}]}"


def tasks(count: int) -> list[str]:
    """Records of ``count`` tasks: an opening and a closing each."""
    source = random.Random(1)
    kind = evidence.TaskKind("shop.send", "vercel", "app", "shop.tasks.send_receipt")
    records = []
    for sequence in range(1, 2 * count, 2):
        opening = evidence.Opening(
            sequence, NOW_NS + sequence, kind, 1_795_460_025.5, 2.0, "/orders/{id}",
            f"iad1::{sequence:08x}", source.getrandbits(128), source.getrandbits(64),
            source.getrandbits(64), True,
        )  # fmt: skip
        settled = evidence.Settled(
            sequence + 1, NOW_NS + sequence, opening, "completed", "completed", 0.1234567, 0.0012345
        )
        records += [otlp_json.encode(opening), otlp_json.encode(settled)]
    return records


def least(work: Callable[[], object], records: int, runs: int = RUNS) -> float:
    """Microseconds a record."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds) / records * 1e6


def main() -> None:
    envelope = otlp_json.Envelope(b"\x01" * 16, {"service.name": "shop"}, "0.1.0")
    for records in (100, 500):
        encoded = tasks(records // 2)
        body = envelope.wrap(encoded)
        broken = body.removesuffix(SUFFIX) + b',{"x":NaN}' + SUFFIX
        lines = [envelope.line(record).rstrip() for record in encoded]
        for name, work in {
            "JSON to facts": lambda body=body: decode_logs(body, "json", 1.8e9),
            "msgspec alone": lambda body=body: JSON_LOGS.requests[0].decode(body),
            "standard library alone": lambda body=body: json.loads(body),
            "JSON record by record": lambda body=broken: decode_logs(body, "json", 1.8e9),
            "spool lines to facts": lambda lines=lines: decode_spool_lines(lines, 1.8e9),
        }.items():
            print(f"{name:24} {records:4} records  {least(work, records):6.2f} us a record")


if __name__ == "__main__":
    main()

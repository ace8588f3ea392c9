"""Bombs: bodies that ask for far more objects than they have bytes. They cost little."""

import subprocess
import sys

import pytest

MEMORY_MIB = 64
JUDGE = """
import sys
from pathlib import Path
from afterword_sidecar.otlp import OtlpError, decode_logs, decode_metrics, decode_traces

def rss_mib(key):
    status = Path("/proc/self/status").read_text()
    return int(status.split(key + ":")[1].split()[0]) // 1024

def field(number, content):
    length, size = b"", len(content)
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content

def in_json(records):
    return b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + records + b"]}]}]}"

MILLION = 1_000_000
ours = field(12, b"deferred_task.scheduled")
opening = b'{"eventName":"deferred_task.scheduled","attributes":['
body = eval(sys.argv[2])
for decode in (decode_logs, decode_traces, decode_metrics):
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is resident now
    resident = rss_mib("VmRSS")
    try:
        decode(body, sys.argv[1], 1.0)
    except OtlpError:
        pass
    print(rss_mib("VmHWM") - resident)
"""
BOMBS = {
    "empty records": ("protobuf", 'field(1, field(2, field(2, b"") * (16 * MILLION)))'),
    "empty scopes": ("protobuf", 'field(1, field(2, b"") * (16 * MILLION))'),
    "empty resources": ("protobuf", 'field(1, b"") * (16 * MILLION)'),
    "scalar fields": ("protobuf", r'b"\x18\x00" * (16 * MILLION)'),
    "empty attributes": (
        "protobuf",
        'field(1, field(2, field(2, ours + field(6, b"") * (16 * MILLION))))',
    ),
    "records full of empty attributes": (
        "protobuf",
        'field(1, field(2, field(2, ours + field(6, b"") * (MILLION // 2)) * 20))',
    ),
    "empty resource attributes": (
        "protobuf",
        'field(1, field(1, field(1, b"") * (16 * MILLION)))',
    ),
    "empty objects": ("json", 'in_json(b"{}," * (10 * MILLION) + b"{}")'),
    "objects to the limit": ("json", 'in_json(b"{}," * 490_000 + b"{}")'),
    "objects to the limit, and a flaw": ("json", 'in_json(b"{}," * 490_000 + b"NaN")'),
    "brackets": ("json", 'b"[" * (16 * MILLION)'),
    "nested objects": ("json", """b'{"a":' * (4 * MILLION)"""),
    "numbers for records": ("json", 'in_json(b"0," * (10 * MILLION) + b"0")'),
    "nulls for records": ("json", 'in_json(b"null," * (6 * MILLION) + b"null")'),
    "strings for attributes": (
        "json",
        """in_json(opening + b'"ab",' * (5 * MILLION) + b"0]}")""",
    ),
    "members": ("json", """b"{" + b'"a":0,' * (5 * MILLION) + b'"a":0} x'"""),
    "escaped quotes and no end": ("json", r"""b'{"x":"' + b'\\"' * (16 * MILLION)"""),
}


@pytest.mark.parametrize(("content_type", "body"), BOMBS.values(), ids=BOMBS.keys())
def test_bombs_cost_little(content_type: str, body: str) -> None:
    """What decoding a bomb adds to its own bytes is small, for each signal, in memory."""
    ran = subprocess.run(
        [sys.executable, "-c", JUDGE, content_type, body],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ran.returncode == 0, ran.stderr
    for line in ran.stdout.splitlines():
        assert int(line) <= MEMORY_MIB, ran.stdout

"""OpenTelemetry's own exporters are the judges: they have nothing to complain about."""

import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

TOLD = {
    ("send_receipt", "in_flight"): 2,
    ("send_receipt", "failed"): 1,
    ("send_receipt", "completed"): 2,
    ("resize", "failed"): 1,
}
"""What both languages' scripts tell of deferred tasks, by events of a foreign logger and a span."""


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_python(sidecar: Any, run_client: Any, compression: str) -> None:
    """Python: protobuf, with and without gzip; logs, traces and metrics."""
    script = HERE / "python" / "emit.py"
    await run_client(sys.executable, "-W", "always", script, sidecar.url, compression)
    assert await sidecar.book() == TOLD
    assert sidecar.service.stats.passed_by == {"logs": 1, "traces": 6}


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("encoding", ["http", "proto"])
async def test_javascript(
    sidecar: Any, run_client: Any, javascript: Path, node: Path, encoding: str, compression: str
) -> None:
    """JavaScript: JSON and protobuf, with and without gzip (which it sends in chunks)."""
    arguments = (sidecar.url, encoding, compression)
    await run_client(node, "emit.mjs", *arguments, cwd=javascript)
    assert await sidecar.book() == TOLD
    assert sidecar.service.stats.passed_by == {"logs": 1, "traces": 6}

"""rotel, a collector nobody here wrote, forwards evidence and has nothing to complain about."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import rotel
from aiohttp import ClientError, ClientSession

from worlds.ports import held_port

STREAM = "0123456789abcdef0123456789abcdef"
INFO = 30
"""In the levels of rotel's log; 40 is a warning."""
STOPS = "Shutdown signal received."
PATIENCE_SECONDS = 120
BATCHES = 20
TASKS_PER_BATCH = 50
BOOKED = {
    ("send_receipt", "completed"): BATCHES * (TASKS_PER_BATCH - 1),
    ("send_receipt", "in_flight"): BATCHES,
}


def _attribute(key: str, **value: str) -> dict[str, Any]:
    return {"key": f"deferred_task.{key}", "value": value}


def _record(event: str, sequence: int, *attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        "timeUnixNano": "1790000000000000000",
        "severityNumber": 9,
        "eventName": f"deferred_task.{event}",
        "attributes": [
            _attribute("sequence", intValue=str(sequence)),
            _attribute("name", stringValue="send_receipt"),
            *attributes,
        ],
    }


def _batch(number: int) -> dict[str, Any]:
    """Openings, and closings for all of them but the last."""
    records = []
    for task in range(TASKS_PER_BATCH):
        opening = 2 * (number * TASKS_PER_BATCH + task) + 1
        records.append(_record("scheduled", opening))
        records.append(
            _record(
                "settled" if task < TASKS_PER_BATCH - 1 else "started",
                opening + 1,
                _attribute("opening_sequence", intValue=str(opening)),
                _attribute("outcome", stringValue="completed"),
                _attribute("reason", stringValue="completed"),
            )
        )
    scope = {"name": "afterword", "attributes": [_attribute("stream", stringValue=STREAM)]}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    logs = {"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": records}]}
    return {"resourceLogs": [logs]}


async def _send(url: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with ClientSession() as client:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    await (await client.get(url)).release()
                    break
                except ClientError:
                    await asyncio.sleep(0)
        for number in range(BATCHES):
            body = json.dumps(_batch(number)).encode()
            async with client.post(f"{url}/v1/logs", data=body, headers=headers) as answer:
                assert answer.status == 200


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_rotel_forwards_every_task_once(
    sidecar: Any, tmp_path: Path, compression: str
) -> None:
    """What goes in as JSON comes out of rotel as protobuf, batched anew, and is booked exactly."""
    with held_port() as http, held_port() as grpc:
        forwarder = await asyncio.create_subprocess_exec(
            *(Path(rotel.__file__).with_name("rotel-agent"), "start", "--log-format", "json"),
            *("--otlp-http-endpoint", f"127.0.0.1:{http}"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"),
            *("--exporter", "otlp", "--otlp-exporter-endpoint", sidecar.url),
            *("--otlp-exporter-protocol", "http", "--otlp-exporter-compression", compression),
            *("--pid-file", tmp_path / "rotel.pid"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await _send(f"http://127.0.0.1:{http}")
        # Not left to its stop, which gives it half a second for what it holds.
        await sidecar.says(BOOKED)
        forwarder.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            said, complained = await forwarder.communicate()
    assert forwarder.returncode == 0
    assert complained == b""
    lines = [json.loads(line) for line in said.splitlines()]
    stops = next(number for number, line in enumerate(lines) if line["msg"] == STOPS)
    assert {line["level"] for line in lines[:stops]} == {INFO}, said.decode()
    assert await sidecar.book() == BOOKED
    assert sidecar.service.stats.records_duplicate == 0

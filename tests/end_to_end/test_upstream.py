"""A killed task's span arrives in its own trace, where the user looks: end to end, for real."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import rotel
from aiohttp import ClientError, ClientSession, web

from worlds.otlp_backend import Backend, Told
from worlds.ports import held_port
from worlds.sidecar_process import PATIENCE_SECONDS, SidecarProcess

APP: Final = """
import asyncio, json, sys
import afterword
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

provider = TracerProvider(sampler=ALWAYS_ON if sys.argv[1] == "sampled" else ALWAYS_OFF)
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)

@afterword.deferred(name="send_receipt", capture=True)
async def send_receipt(order, card_number):
    own = trace.get_current_span().get_span_context()
    print(json.dumps({"trace": f"{own.trace_id:032x}", "span": f"{own.span_id:016x}"}), flush=True)
    await asyncio.Event().wait()

async def main():
    with trace.get_tracer("shop").start_as_current_span("POST /orders"):
        afterword.wait_until(send_receipt({"id": 17}, card_number="4111111111111111"))
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def killed(sidecar: SidecarProcess, sampling: str = "sampled") -> dict[str, str]:
    """Run the application and kill it with its task open; the ids that the task has seen."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", APP, sampling),
        stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "AFTERWORD_SPOOL": str(sidecar.spool),
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_EXPORTER_OTLP_ENDPOINT": sidecar.receiver,
        },
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        ids: dict[str, str] = json.loads(await process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    await process.wait()
    return ids


@asynccontextmanager
async def sidecar_sending_to(url: str, folder: Path) -> AsyncIterator[SidecarProcess]:
    """A real sidecar with its upstream at ``url``."""
    sidecar = await asyncio.to_thread(SidecarProcess, folder, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    try:
        yield sidecar
    finally:
        if sidecar.process.poll() is None:
            await asyncio.to_thread(sidecar.kill)


def by_name(backend: Backend) -> dict[str, Told]:
    found = {told.record.name: told for told in backend.spans()}
    assert len(found) == len(backend.spans())
    return found


async def both_spans(backend: Backend) -> tuple[Told, Told]:
    """The request's and the killed task's, once both are there and the verdict is told."""
    await backend.until(lambda: len(backend.spans()) == 2 and backend.verdicts())
    found = by_name(backend)
    return found["POST /orders"], found["send_receipt"]


def check(request: Told, task: Told, ids: dict[str, str], verdict: dict[str, Any]) -> None:
    """It is the killed task's own span, in its own trace, under its request, with its verdict."""
    assert task.record.trace_id.hex() == ids["trace"] == request.record.trace_id.hex()
    assert task.record.span_id.hex() == ids["span"]
    assert task.record.parent_span_id == request.record.span_id
    assert task.record.status.code == task.record.status.STATUS_CODE_ERROR
    began, ended = task.record.start_time_unix_nano, task.record.end_time_unix_nano
    assert request.record.start_time_unix_nano <= began <= ended
    assert task.resource["service.name"] == "shop"
    assert task.attributes["deferred_task.reason"] == "instance_lost"
    assert task.attributes["deferred_task.basis"] == "proven"
    assert task.attributes["deferred_task.reported_by"] == "sidecar"
    assert (verdict["name"], verdict["outcome"], verdict["rule"]) == ("send_receipt", "dropped", 13)
    assert verdict["payload_kept"] is True
    assert [each["kind"] for each in verdict["evidence"]] == [
        "deferred_task.scheduled",
        "deferred_task.started",
        "stream_ended",
    ]


async def test_a_killed_tasks_span_arrives_in_its_own_trace(tmp_path: Path) -> None:
    """The request's span is passed on, the task's is made up for, the payload stays."""
    async with (
        Backend().serving() as backend,
        sidecar_sending_to(backend.url, tmp_path) as sidecar,
    ):
        ids = await killed(sidecar)
        request, task = await both_spans(backend)
        (verdict,) = backend.verdicts()
        check(request, task, ids, verdict)
        assert not any(b"4111" in got.plain or b'"id"' in got.plain for got in backend.got)
        assert await asyncio.to_thread(sidecar.stop) == 0


async def test_an_unsampled_task_that_was_killed_gets_a_span_too(tmp_path: Path) -> None:
    """No tracer made one: its trace has this span alone, and it is marked."""
    async with (
        Backend().serving() as backend,
        sidecar_sending_to(backend.url, tmp_path) as sidecar,
    ):
        ids = await killed(sidecar, "unsampled")
        await backend.until(lambda: backend.spans() and backend.verdicts())
        (task,) = backend.spans()
        assert task.record.trace_id.hex() == ids["trace"]
        assert task.attributes["deferred_task.trace_sampled"] is False


async def test_nothing_is_lost_to_a_sidecar_that_is_killed_before_upstream_answers(
    tmp_path: Path,
) -> None:
    """Upstream is down, the book has the loss, kill -9; the next sidecar tells it."""
    async with Backend().serving() as backend:
        backend.always = lambda _got: web.Response(status=503)
        async with sidecar_sending_to(backend.url, tmp_path) as sidecar:
            ids = await killed(sidecar)
            await backend.until(lambda: any(b"deferred_task" in got.plain for got in backend.got))
            await asyncio.to_thread(sidecar.kill)
        backend.always = lambda _got: None
        async with sidecar_sending_to(backend.url, tmp_path):
            await backend.until(lambda: backend.spans() and backend.verdicts())
            (task,) = backend.spans()
            assert task.record.span_id.hex() == ids["span"]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_rotel_takes_it_all(tmp_path: Path, protocol: str) -> None:
    """A collector nobody here wrote reads what we send, over both protocols, and passes it on."""
    async with Backend().serving() as backend, collector(backend, tmp_path) as endpoints:
        sidecar = await asyncio.to_thread(
            SidecarProcess,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoints[protocol],
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        )
        try:
            ids = await killed(sidecar)
            request, task = await both_spans(backend)
            check(request, task, ids, backend.verdicts()[0])
        finally:
            await asyncio.to_thread(sidecar.kill)


@asynccontextmanager
async def collector(backend: Backend, folder: Path) -> AsyncIterator[dict[str, str]]:
    """A real rotel in front of ``backend``: its endpoints by protocol."""
    with held_port() as http, held_port() as grpc:
        agent = await asyncio.create_subprocess_exec(
            *(Path(rotel.__file__).with_name("rotel-agent"), "start", "--log-format", "json"),
            *("--otlp-http-endpoint", f"127.0.0.1:{http}"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"),
            *("--exporter", "otlp", "--otlp-exporter-endpoint", backend.url),
            *("--otlp-exporter-protocol", "http", "--pid-file", folder / "rotel.pid"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await answering(f"http://127.0.0.1:{http}")
            yield {"http/protobuf": f"http://127.0.0.1:{http}", "grpc": f"http://127.0.0.1:{grpc}"}
        finally:
            agent.send_signal(signal.SIGKILL)
            await agent.wait()


async def answering(url: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), ClientSession() as client:
        while True:
            try:
                await (await client.get(url)).release()
            except ClientError:
                await asyncio.sleep(0)
            else:
                return

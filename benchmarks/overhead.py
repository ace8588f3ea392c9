"""Time added per task over a bare task, against ``opentelemetry-instrumentation-asyncio``.

One process, the variants interleaved round by round, medians of the rounds. A round runs some
thousand tasks and then flushes: work moved to the flush counts too. What is compared is the
process's CPU time, which background threads cannot hide from and other processes do not disturb.
"""

import asyncio
import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from opentelemetry import context, metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import afterword
from afterword import internal_errors, stream

TASKS: Final = 2000
"""Below the batch processor's queue of 2048: it must not drop spans instead of exporting them."""
TOGETHER: Final = 50
ROUNDS: Final = 9
FLUSH_SECONDS: Final = 30.0
SAMPLED: Final = 1


async def work() -> None:
    """The task that everybody tracks; OpenTelemetry's instrumentation is told its name."""
    await asyncio.sleep(0)


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """The three ratios, and the microseconds of CPU time a task that they rest on."""
    internal_errors.re_raise = True  # what fails is fast
    os.environ["OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE"] = "work"
    with _sink() as endpoint, tempfile.TemporaryDirectory(dir=_memory()) as spool:
        tracer_provider, meter_provider = _set_up_sdk(endpoint)
        variants: dict[str, Callable[[], float]] = {
            "bare": lambda: _round(_bare, 0, lambda: None),
            "otel_asyncio": lambda: _otel_asyncio(tracer_provider, meter_provider),
            "http_unsampled": lambda: _ours(0, tracer_provider, endpoint=endpoint),
            "spool_unsampled": lambda: _ours(0, tracer_provider, spool=spool),
            "http_sampled": lambda: _ours(SAMPLED, tracer_provider, endpoint=endpoint),
            "spool_sampled": lambda: _ours(SAMPLED, tracer_provider, spool=spool),
        }
        taken: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(rounds + 1):
            for name, run in variants.items():
                microseconds = run()
                if number:  # the first round warms up
                    taken[name].append(microseconds)
        stream.end_all()  # while there is somebody to take leave of
        tracer_provider.shutdown()
        meter_provider.shutdown()
    return _figures({name: statistics.median(values) for name, values in taken.items()})


def _figures(medians: dict[str, float]) -> dict[str, float]:
    added = {name: value - medians["bare"] for name, value in medians.items()}
    reference = added["otel_asyncio"]
    return {
        "overhead_unsampled_ratio": added["http_unsampled"] / reference,
        "overhead_spool_ratio": added["spool_unsampled"] / reference,
        "overhead_sampled_ratio": added["http_sampled"] / reference,
        "bare_task_us": medians["bare"],
        **{f"{name}_added_us": value for name, value in added.items() if name != "bare"},
    }


def _round(hand_over: Callable[[], Any], flags: int, flush: Callable[[], object]) -> float:
    """CPU microseconds per task of one round, under a request's span with these trace flags."""
    parent = trace.SpanContext(
        2**100 + 1, 2**50 + 1, is_remote=True, trace_flags=trace.TraceFlags(flags)
    )
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(parent)))
    gc.collect()  # a full collection, 20 ms, is not to fall on whoever comes after the most waste
    try:
        began = time.process_time()
        asyncio.run(_many(hand_over))
        flush()
        return (time.process_time() - began) / TASKS * 1e6
    finally:
        context.detach(token)


async def _many(hand_over: Callable[[], Awaitable[Any]]) -> None:
    for _ in range(TASKS // TOGETHER):
        await asyncio.wait([hand_over() for _ in range(TOGETHER)])  # type: ignore[type-var] # tasks


def _bare() -> "asyncio.Task[None]":
    return asyncio.create_task(work())


def _otel_asyncio(tracer_provider: TracerProvider, meter_provider: MeterProvider) -> float:
    instrumentor = AsyncioInstrumentor()
    instrumentor.instrument(tracer_provider=tracer_provider, meter_provider=meter_provider)
    try:
        return _round(
            _bare,
            SAMPLED,
            lambda: (tracer_provider.force_flush(), meter_provider.force_flush()),
        )
    finally:
        instrumentor.uninstrument()


def _ours(flags: int, tracer_provider: TracerProvider, **where: str) -> float:
    afterword.configure(**where)  # type: ignore[arg-type] # spool or endpoint
    return _round(
        lambda: afterword.wait_until(work()),
        flags,
        lambda: _flush_all(tracer_provider),
    )


def _flush_all(tracer_provider: TracerProvider) -> None:
    tracer_provider.force_flush()
    if not afterword.flush(FLUSH_SECONDS):
        raise RuntimeError("evidence was lost, so its cost was not all measured")


def _set_up_sdk(endpoint: str) -> tuple[TracerProvider, MeterProvider]:
    tracer_provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    tracer_provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(tracer_provider)
    metric_exporter = OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics")
    meter_provider = MeterProvider([PeriodicExportingMetricReader(metric_exporter)])
    metrics.set_meter_provider(meter_provider)
    return tracer_provider, meter_provider


def _memory() -> str | None:
    """A file system in memory, as is recommended for a spool, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextlib.contextmanager
def _sink() -> Iterator[str]:
    script = Path(__file__).with_name("sink_process.py")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the sink process has no pipes")
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


if __name__ == "__main__":
    print(json.dumps(measure()))

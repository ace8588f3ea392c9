"""Sends logs, spans and metrics through OpenTelemetry's own Python exporters.

Arguments: base URL, ``none`` or ``gzip``. What the SDK has to complain about goes to standard
error, where warnings go as well.
"""

import logging
import sys
import time

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode, set_span_in_context

logging.basicConfig(level=logging.WARNING)
base, compression = sys.argv[1], Compression(sys.argv[2])

resource = Resource({"service.name": "shop"})
traces = TracerProvider(resource=resource)
traces.add_span_processor(
    BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces", compression=compression))
)
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(
    BatchLogRecordProcessor(OTLPLogExporter(f"{base}/v1/logs", compression=compression))
)
metrics = MeterProvider(
    [
        PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{base}/v1/metrics", compression=compression)
        )
    ],
    resource=resource,
)

# A foreign logger: no stream and no sequence; trace id and span id say which task it is.
tracer, logger = traces.get_tracer("shop"), logs.get_logger("shop")


def tell(context: Context, event_name: str, **attributes: str) -> None:
    told = {f"deferred_task.{key}": value for key, value in attributes.items()}
    logger.emit(
        LogRecord(
            timestamp=time.time_ns(),
            context=context,
            severity_number=SeverityNumber.INFO,
            event_name=event_name,
            attributes=told,
        )
    )


for order in range(5):
    span = tracer.start_span("send receipt")
    context = set_span_in_context(span)
    tell(context, "deferred_task.scheduled", name="send_receipt")
    if order < 3:
        outcome, reason = ("failed", "exception") if order == 0 else ("completed", "completed")
        tell(context, "deferred_task.settled", name="send_receipt", outcome=outcome, reason=reason)
    span.end()

# A span that carries a task's name is closing evidence; one that does not is passed by.
named = tracer.start_span("resize", attributes={"deferred_task.name": "resize"})
named.set_status(Status(StatusCode.ERROR, "out of memory"))
named.end()
tracer.start_span("GET /").end()
logger.emit(LogRecord(timestamp=time.time_ns(), body="an ordinary line", attributes={"n": 1}))
meter = metrics.get_meter("shop")
meter.create_counter("orders").add(5, {"paid": True})
meter.create_histogram("seconds").record(0.25)

for provider in (traces, logs, metrics):
    provider.force_flush()
    provider.shutdown()

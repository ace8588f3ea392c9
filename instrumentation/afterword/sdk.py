"""OpenTelemetry's SDK with OTLP/HTTP exporters, for applications that have set up none.

Imported only by ``configure``, and only when an endpoint asks for it: ``afterword[otel]``.
"""

import os
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from afterword import names
from afterword.internal_errors import logger


def set_up(otlp_endpoint: str | None, service_name: str | None) -> list[Any]:
    """Set the global tracer and meter providers where there are none; returns those it set.

    Args:
        otlp_endpoint: Base URL; ``/v1/traces`` and ``/v1/metrics`` are added. ``None`` leaves it to
            ``OTEL_EXPORTER_OTLP_*``.
        service_name: ``service.name``; ``None`` leaves it to ``OTEL_SERVICE_NAME``.
    """
    _warn_of_other_protocol()
    resource = Resource.create({names.SERVICE_NAME: service_name} if service_name else None)
    base = otlp_endpoint.rstrip("/") if otlp_endpoint else None
    set_up: list[Any] = []
    if _is_exported("TRACES") and _is_unset(trace.get_tracer_provider(), trace):
        tracer_provider = TracerProvider(resource=resource)
        exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces" if base else None)
        tracer_provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(tracer_provider)
        set_up.append(tracer_provider)
    if _is_exported("METRICS") and _is_unset(metrics.get_meter_provider(), metrics):
        metric_exporter = OTLPMetricExporter(endpoint=f"{base}/v1/metrics" if base else None)
        reader = PeriodicExportingMetricReader(metric_exporter)
        meter_provider = MeterProvider([reader], resource=resource)
        metrics.set_meter_provider(meter_provider)
        set_up.append(meter_provider)
    return set_up


def _is_exported(signal: str) -> bool:
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip() in {"", "otlp"}


def _is_unset(provider: object, api: Any) -> bool:
    """Whether a global provider is the API's stand-in for none; it says so in its module."""
    return type(provider).__module__.startswith(api.__name__)


def _warn_of_other_protocol() -> None:
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    if protocol != "http/protobuf":
        logger.warning(
            "afterword: OTEL_EXPORTER_OTLP_PROTOCOL=%s is not what configure() sets up; "
            "http/protobuf is used. Set up the SDK yourself for another protocol",
            protocol,
        )

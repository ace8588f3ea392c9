"""``configure``: settings from code, and OpenTelemetry set up where the application has not.

Without arguments and without a call everything comes from the environment; ``configure`` is for
what cannot be said there (a redaction callable), and for applications without an SDK of their own.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from afterword import counters, internal_errors, settings, spans, stream
from afterword.internal_errors import logger

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from afterword.settings import Redact, SpanParent

providers_set_up: Final[list[Any]] = []
"""SDK providers that are ours to flush."""


def configure(  # noqa: PLR0913 - one keyword per setting, each with a default
    *,
    spool: "str | os.PathLike[str] | None" = None,
    endpoint: str | None = None,
    token: str | None = None,
    service_name: str | None = None,
    capture: bool | None = None,
    capture_max_bytes: int | None = None,
    redact_fields: "Iterable[str] | None" = None,
    redact: "Redact | None" = None,
    span_parent: "SpanParent | None" = None,
    guard_lead_seconds: float | None = None,
    durable: bool | None = None,
    durable_timeout_seconds: float | None = None,
    lease_seconds: float | None = None,
    asyncio_tasks: "Iterable[str] | None" = None,
    otlp_endpoint: str | None = None,
    tracer_provider: "TracerProvider | None" = None,
    meter_provider: "MeterProvider | None" = None,
) -> None:
    """Set what the environment does not, for tasks handed over from now on. Best called at start.

    What is wrong is reported together in one warning and its default used; nothing is raised.

    Args:
        spool: A directory shared with the sidecar (``AFTERWORD_SPOOL``).
        endpoint: The sidecar's base URL (``AFTERWORD_ENDPOINT``); the spool wins over it.
        token: The sidecar's bearer token (``AFTERWORD_TOKEN``).
        service_name: ``service.name`` of evidence, spans and metrics (``OTEL_SERVICE_NAME``).
        capture: Keep every task's arguments with its dead letter (``AFTERWORD_CAPTURE``).
        capture_max_bytes: The largest payload kept (``AFTERWORD_CAPTURE_MAX_BYTES``).
        redact_fields: Names redacted besides the built-in ones (``AFTERWORD_REDACT_FIELDS``); here
            and for ``asyncio_tasks`` one text may hold several, with commas between them.
        redact: Called with path and value of each scalar of a payload, and with exception messages
            and stacks (as ``exception.message``, ``exception.stacktrace``); returns what may leave.
        span_parent: ``child`` of the current span, or ``link`` for a new trace linked to it.
        asyncio_tasks: Which tasks made with ``create_task`` are watched, once
            ``instrument("asyncio")`` was called: patterns such as ``shop.*`` or ``send_*``
            (``AFTERWORD_ASYNCIO_TASKS``).
        guard_lead_seconds: How long before a task's deadline the guard tells where the task is
            (``AFTERWORD_GUARD_LEAD_SECONDS``); 0: no guard.
        durable: Every task's work waits until the sidecar knows of it (``AFTERWORD_DURABLE``).
        durable_timeout_seconds: The most it waits (``AFTERWORD_DURABLE_TIMEOUT_SECONDS``).
        lease_seconds: Over HTTP, how long the sidecar trusts the last sign of life
            (``AFTERWORD_LEASE_SECONDS``); 0: it is never to judge by silence alone.
        otlp_endpoint: Where spans and metrics go by OTLP/HTTP, if the application has set up no
            SDK; by default OpenTelemetry's own variables decide (``OTEL_EXPORTER_OTLP_…``).
        tracer_provider: Used for our spans instead of the global one.
        meter_provider: Used for our counters instead of the global one.
    """
    try:
        in_force = settings.load(
            {
                "spool": os.fspath(spool) if isinstance(spool, os.PathLike) else spool,
                "endpoint": endpoint,
                "token": token,
                "service_name": service_name,
                "capture": capture,
                "capture_max_bytes": capture_max_bytes,
                "redact_fields": _listed(redact_fields),
                "redact": redact,
                "span_parent": span_parent,
                "guard_lead_seconds": guard_lead_seconds,
                "durable": durable,
                "durable_timeout_seconds": durable_timeout_seconds,
                "lease_seconds": lease_seconds,
                "asyncio_tasks": _listed(asyncio_tasks),
            }
        )
        if tracer_provider is not None:
            spans.use_provider(tracer_provider)
        if meter_provider is not None:
            counters.register(meter_provider)
        if _wants_export(otlp_endpoint) and not in_force.sdk_disabled:
            _set_up_sdk(otlp_endpoint, service_name)
        stream.renew()
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("configuring")


def _listed(given: "Iterable[str] | None") -> object:
    """Names as ``settings`` takes them: several, or a text with commas, which is iterable too."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return given
    return tuple(given)


def _wants_export(otlp_endpoint: str | None) -> bool:
    variables = (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    )
    return bool(otlp_endpoint) or any(os.environ.get(variable) for variable in variables)


def _set_up_sdk(otlp_endpoint: str | None, service_name: str | None) -> None:
    """Providers with OTLP exporters, for each signal for which the application has set up none."""
    try:
        from afterword import sdk  # noqa: PLC0415 - the light path has no SDK
    except ImportError as error:
        logger.warning(
            "afterword: spans and metrics are not exported, %s is missing; "
            "install it with: pip install 'afterword[otel]'",
            error.name,
        )
        return
    providers_set_up.extend(sdk.set_up(otlp_endpoint, service_name))

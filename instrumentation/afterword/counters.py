"""The application's own counters: observable instruments over integers that are counted anyway.

A synchronous ``add`` costs 6 to 11 µs, more than everything else together; being asked costs a task
nothing. The metrics API is looked up, never imported: if nobody imported it, nobody reads it.
"""

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from afterword import internal_errors, names, stream
from afterword.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

    from afterword.stream import Counted

registered = False
_in_use: "MeterProvider | None" = None
_global: "MeterProvider | None" = None
"""What the API gave for the global one: its proxy, where that was not set yet."""
_known: "Final[list[MeterProvider]]" = []
"""Those that have the instruments already. Compared by identity; few, and kept."""


def register_when_possible() -> None:
    """Create the instruments once the metrics API is there. A provider may be set later still."""
    global _global  # noqa: PLW0603 - a process has one
    metrics = _metrics_api()
    if metrics is None:
        return
    try:
        _global = metrics.get_meter_provider()
        register(_global)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("creating the counters")


def register(provider: "MeterProvider") -> None:
    """Create the instruments on a meter of this provider, once.

    From now on they are observed there and nowhere else: an application that gives a provider of
    its own, and has set up a global one too, would export every number twice.
    """
    global registered, _in_use  # noqa: PLW0603 - instruments are a process's
    registered = True
    metrics = _metrics_api()
    if _global is not None and metrics is not None and provider is metrics.get_meter_provider():
        provider = _global  # it has them already, if by its proxy
    _in_use = provider
    if any(known is provider for known in _known):
        return
    _known.append(provider)
    _create(provider)


def _metrics_api() -> Any:
    """OpenTelemetry's, where somebody has imported it; ``None`` while that is under way, too."""
    metrics = sys.modules.get("opentelemetry.metrics")
    return metrics if hasattr(metrics, "get_meter_provider") else None


def _create(provider: "MeterProvider") -> None:
    meter = provider.get_meter(names.SCOPE_NAME, VERSION)
    meter.create_observable_counter(
        names.METRIC_SCHEDULED,
        [_observing(provider, _scheduled)],
        unit="{task}",
        description="Deferred tasks handed over.",
    )
    meter.create_observable_counter(
        names.METRIC_SETTLED,
        [_observing(provider, _settled)],
        unit="{task}",
        description="Deferred tasks that ended, by outcome.",
    )
    meter.create_observable_up_down_counter(
        names.METRIC_IN_FLIGHT,
        [_observing(provider, _in_flight)],
        unit="{task}",
        description="Deferred tasks handed over that have not ended.",
    )


_Measured = Iterator[tuple[int, dict[str, str]]]


def _observing(
    provider: "MeterProvider",
    measure: "Callable[[Counted], _Measured]",
) -> "Callable[[CallbackOptions], list[Observation]]":
    def observe(_options: Any) -> "list[Observation]":
        from opentelemetry.metrics import Observation  # noqa: PLC0415 - whoever reads imported it

        if provider is not _in_use:
            return []
        return [
            Observation(value, labels)
            for counted in stream.counted_in_process()
            for value, labels in measure(counted)
        ]

    return observe


def _labels(counted: "Counted") -> dict[str, str]:
    return dict(zip((names.NAME, names.PLATFORM, names.ORIGIN), counted.labels, strict=True))


def _scheduled(counted: "Counted") -> _Measured:
    yield counted.scheduled, _labels(counted)


def _settled(counted: "Counted") -> _Measured:
    for outcome, number in counted.settled.items():
        if number:
            yield number, {**_labels(counted), names.OUTCOME: outcome}


def _in_flight(counted: "Counted") -> _Measured:
    yield counted.scheduled - sum(counted.settled.values()), _labels(counted)

"""The application's own counters: observable instruments over integers that are counted anyway.

A synchronous ``add`` costs 6 to 11 µs, more than everything else together; being asked costs a task
nothing. The metrics API is looked up, never imported: if nobody imported it, nobody reads it.
"""

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from afterword import names, stream
from afterword.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

    from afterword.stream import Counted

registered = False


def register_when_possible() -> None:
    """Create the instruments once the metrics API is there. A provider may be set later still."""
    global registered  # noqa: PLW0603 - instruments are a process's
    metrics = sys.modules.get("opentelemetry.metrics")
    if metrics is not None and hasattr(metrics, "get_meter"):  # else it is being imported
        registered = True
        register(metrics.get_meter(names.SCOPE_NAME, VERSION))


def register(meter: "Meter") -> None:
    """Create the instruments on this meter."""
    global registered  # noqa: PLW0603 - instruments are a process's
    registered = True
    meter.create_observable_counter(
        names.METRIC_SCHEDULED,
        [_observing(_scheduled)],
        unit="{task}",
        description="Deferred tasks handed over.",
    )
    meter.create_observable_counter(
        names.METRIC_SETTLED,
        [_observing(_settled)],
        unit="{task}",
        description="Deferred tasks that ended, by outcome.",
    )
    meter.create_observable_up_down_counter(
        names.METRIC_IN_FLIGHT,
        [_observing(_in_flight)],
        unit="{task}",
        description="Deferred tasks handed over that have not ended.",
    )


_Measured = Iterator[tuple[int, dict[str, str]]]


def _observing(
    measure: "Callable[[Counted], _Measured]",
) -> "Callable[[CallbackOptions], list[Observation]]":
    def observe(_options: Any) -> "list[Observation]":
        from opentelemetry.metrics import Observation  # noqa: PLC0415 - whoever reads imported it

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

"""The application's own counters, read by a real SDK."""

import asyncio

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

import afterword
from afterword import counters, names, stream
from afterword.testing import RecordingDelivery


async def completing() -> None:
    """Ends at once."""


async def failing() -> None:
    raise ValueError


async def hanging() -> None:
    await asyncio.Event().wait()


def read(reader: InMemoryMetricReader) -> dict[tuple[str, ...], int | float]:
    """Values by metric, task's name and, where there is one, outcome."""
    data = reader.get_metrics_data()
    assert data is not None
    values: dict[tuple[str, ...], int | float] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        assert metric.unit == "{task}"
        for point in metric.data.data_points:
            assert isinstance(point, NumberDataPoint)
            assert point.attributes is not None
            labels = [point.attributes.get(key) for key in (names.NAME, names.OUTCOME)]
            values[(metric.name, *(str(label) for label in labels if label))] = point.value
    return values


async def test_counters_balance(evidence: RecordingDelivery) -> None:
    """Scheduled is what settled and what is in flight, by name and outcome."""
    before = counters.registered
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    counters.register(provider.get_meter("afterword"))
    futures = [afterword.wait_until(work()) for work in (completing, completing, failing, hanging)]
    await asyncio.wait([future for future in futures[:3] if future is not None])
    values = read(reader)
    assert values["deferred_task.scheduled", "completing"] == 2
    assert values["deferred_task.settled", "completing", "completed"] == 2
    assert values["deferred_task.settled", "failing", "failed"] == 1
    assert values["deferred_task.in_flight", "completing"] == 0
    assert values["deferred_task.in_flight", "hanging"] == 1
    assert ("deferred_task.settled", "hanging", "completed") not in values
    assert futures[3] is not None
    futures[3].cancel()
    await asyncio.wait([futures[3]])
    assert read(reader)["deferred_task.in_flight", "hanging"] == 0
    provider.shutdown()
    counters.registered = before


async def test_names_without_bound_are_counted_together(evidence: RecordingDelivery) -> None:
    """A name per order must not become a series per order: past a bound they are ``_other``."""
    futures = [afterword.wait_until(completing(), name=f"order {n}") for n in range(2100)]
    await asyncio.wait([future for future in futures if future is not None])
    counted = {one.labels[0]: one.scheduled for one in stream.counted_in_process()}
    assert len(counted) <= 2100
    assert counted["_other"] == 100
    assert sum(counted.values()) >= 2100

"""The application's own counters, read by a real SDK."""

import asyncio

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

import afterword
from afterword import counters, names, stream
from afterword.testing import RecordingDelivery
from afterword.version import VERSION


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


@pytest.fixture(autouse=True)
def process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is its own."""
    monkeypatch.setattr(counters, "registered", counters.registered)
    monkeypatch.setattr(counters, "_in_use", None)
    monkeypatch.setattr(counters, "_global", None)
    monkeypatch.setattr(counters, "_known", [])


async def test_counters_balance(evidence: RecordingDelivery) -> None:
    """Scheduled is what settled and what is in flight, by name and outcome."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    counters.register(provider)
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


async def test_one_provider_exports_them_once(
    evidence: RecordingDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one given last, with our version, whatever had them before: no number counts twice."""
    readers = [InMemoryMetricReader() for _ in range(2)]
    of_all, own = (MeterProvider([reader]) for reader in readers)
    counters.register_when_possible()  # by the API's proxy: there is no provider yet
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: of_all)
    by_proxy = counters._in_use
    counters.register(of_all)
    assert counters._in_use is by_proxy
    for _ in range(2):
        counters.register(own)
    future = afterword.wait_until(completing())
    assert future is not None
    await future
    assert read(readers[1])["deferred_task.scheduled", "completing"] == 1
    data = readers[1].get_metrics_data()
    assert data is not None
    (of_scope,) = data.resource_metrics[0].scope_metrics
    assert (of_scope.scope.name, of_scope.scope.version) == (names.SCOPE_NAME, VERSION)
    assert len(of_scope.metrics) == 3
    assert readers[0].get_metrics_data() is None
    for provider in (of_all, own):
        provider.shutdown()


async def test_names_without_bound_are_counted_together(evidence: RecordingDelivery) -> None:
    """A name per order must not become a series per order: past a bound they are ``_other``."""
    futures = [afterword.wait_until(completing(), name=f"order {n}") for n in range(2100)]
    await asyncio.wait([future for future in futures if future is not None])
    counted = {one.labels[0]: one.scheduled for one in stream.counted_in_process()}
    assert len(counted) <= 2100
    assert counted["_other"] == 100
    assert sum(counted.values()) >= 2100

"""What the sidecar sends on to the user's own backend, as Prometheus reads it."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

_PREFIX: Final = "afterword_sidecar_upstream_"


class ItsUpstream(msgspec.Struct, frozen=True, kw_only=True):
    """How what it sends on does, as of one scrape. Keys are signals, or (signal, reason)."""

    sent: Mapping[str, int]
    dropped: Mapping[tuple[str, str], int]
    retries: Mapping[str, int]
    records_rejected: Mapping[str, int]
    queue_requests: Mapping[str, int]
    queue_bytes: Mapping[str, int]
    failing: Mapping[str, int]
    verdicts_sent: int
    verdicts_dropped: int
    verdicts_unpublished: int
    missing_spans_sent: int


def upstream_families(upstream: ItsUpstream, started_at: float) -> Iterator[Metric]:
    """The ``afterword_sidecar_upstream_*`` families; ``started_at`` in Unix seconds."""
    yield from _of_requests(upstream, started_at)
    yield from _of_verdicts(upstream, started_at)


def _of_requests(upstream: ItsUpstream, started_at: float) -> Iterator[Metric]:
    def counter(name: str, documentation: str, counts: Mapping[str, int]) -> Metric:
        family = CounterMetricFamily(f"{_PREFIX}{name}", documentation, labels=("signal",))
        for signal, count in counts.items():
            family.add_metric((signal,), count, started_at)
        return family

    def gauge(name: str, documentation: str, values: Mapping[str, int]) -> Metric:
        family = GaugeMetricFamily(f"{_PREFIX}{name}", documentation, labels=("signal",))
        for signal, value in values.items():
            family.add_metric((signal,), value)
        return family

    yield counter("requests_sent", "Requests that upstream took.", upstream.sent)
    yield counter("requests_retried", "Tries after the first.", upstream.retries)
    dropped = CounterMetricFamily(
        f"{_PREFIX}requests_dropped",
        "Requests that upstream does not get.",
        labels=("signal", "reason"),
    )
    for (signal, reason), count in upstream.dropped.items():
        dropped.add_metric((signal, reason), count, started_at)
    yield dropped
    yield counter(
        "records_rejected",
        "Records that upstream could not take, in requests that it took.",
        upstream.records_rejected,
    )
    yield gauge("queue_requests", "Requests waiting, or on their way.", upstream.queue_requests)
    yield gauge("queue_bytes", "Bytes of them.", upstream.queue_bytes)
    yield gauge("failing", "1 while the last try failed.", upstream.failing)


def _of_verdicts(upstream: ItsUpstream, started_at: float) -> Iterator[Metric]:
    for name, documentation, count in (
        ("verdicts_sent", "Verdicts told as log events.", upstream.verdicts_sent),
        ("verdicts_dropped", "Verdicts that upstream does not get.", upstream.verdicts_dropped),
        (
            "missing_spans_sent",
            "Spans sent for tasks that never did.",
            upstream.missing_spans_sent,
        ),
    ):
        yield CounterMetricFamily(f"{_PREFIX}{name}", documentation, count, created=started_at)
    yield GaugeMetricFamily(
        f"{_PREFIX}verdicts_unpublished",
        "Verdicts on lost tasks that wait in the store until upstream takes them.",
        upstream.verdicts_unpublished,
    )

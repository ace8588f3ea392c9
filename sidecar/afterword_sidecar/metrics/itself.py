"""The sidecar about itself: what it took, what it refused, how its store does."""

from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)

from afterword_sidecar.ledger.records import Total
from afterword_sidecar.ledger.view import View
from afterword_sidecar.metrics.histogram import histogram
from afterword_sidecar.metrics.its_upstream import ItsUpstream, upstream_families


class ItsSpool(msgspec.Struct, frozen=True, kw_only=True):
    """How its reading of the spool does, as of one scrape."""

    streams_watched: int
    streams_ended: int
    lines_read: int
    lines_skipped: Mapping[str, int]
    """By reason."""
    segments_deleted: int
    unread_bytes: int
    behind_since: float | None
    """All written before it (Unix seconds) is booked; ``None``: all there is."""
    readable: bool


class Itself(msgspec.Struct, frozen=True, kw_only=True):
    """How the sidecar does, as of one scrape. Counters begin at its start."""

    started_at: float
    version: str
    book_id: str
    records_accepted: int = 0
    records_duplicate: int = 0
    records_rejected: Mapping[str, int] = {}
    """By reason; those that can be, at 0."""
    records_passed_by: Mapping[str, int] = {}
    """Telemetry that is not about deferred tasks, by signal."""
    refused: Mapping[str, int] = {}
    """Submissions not taken, by reason; those that can be, at 0."""
    requests: Mapping[tuple[str, int], int] = {}
    """The receiver's answers by (signal, HTTP status)."""
    commit_seconds_bounds: tuple[float, ...] = ()
    commit_seconds: tuple[float, ...] = ()
    """Bucket counts, not cumulative, then the sum."""
    commits_failed: int = 0
    queue_submissions: int = 0
    queue_bytes: int = 0
    store_failing: bool = False
    stalls: int = 0
    internal_errors: int = 0
    spool: ItsSpool | None = None
    upstream: ItsUpstream | None = None


def itself_families(view: View, itself: Itself) -> Iterator[Metric]:
    """The ``afterword_sidecar_*`` families."""
    yield _build(itself)
    yield GaugeMetricFamily(
        "afterword_sidecar_start_time_seconds", "When it started, Unix time.", itself.started_at
    )
    yield from _records(itself)
    yield histogram(
        "afterword_sidecar_commit_seconds",
        "How long commits of the store took.",
        (),
        {(): Total("commit_seconds", (), itself.commit_seconds, itself.started_at)},
        itself.commit_seconds_bounds,
    )
    yield _counter(itself, "commits_failed", "Commits that failed.", itself.commits_failed)
    yield _counter(itself, "stalls", "How often the sidecar itself stood still.", itself.stalls)
    yield _counter(
        itself, "internal_errors", "Bugs of its own that were caught.", itself.internal_errors
    )
    yield from _now(view, itself)
    if itself.spool is not None:
        yield from _of_spool(itself, itself.spool)
    if itself.upstream is not None:
        yield from upstream_families(itself.upstream, itself.started_at)


def _build(itself: Itself) -> Metric:
    info = InfoMetricFamily("afterword_sidecar_build", "What is running.")
    info.add_metric((), {"version": itself.version, "book_id": itself.book_id})
    return info


def _records(itself: Itself) -> Iterator[Metric]:
    received = CounterMetricFamily(
        "afterword_sidecar_records_received",
        "Records of evidence taken: new ones, and copies that changed nothing.",
        labels=("result",),
    )
    received.add_metric(("accepted",), itself.records_accepted, itself.started_at)
    received.add_metric(("duplicate",), itself.records_duplicate, itself.started_at)
    yield received
    yield _labelled(
        itself,
        "records_rejected",
        "Records refused, by reason.",
        "reason",
        itself.records_rejected,
    )
    yield _labelled(
        itself,
        "records_passed_by",
        "Records that are not about deferred tasks.",
        "signal",
        itself.records_passed_by,
    )
    yield _labelled(
        itself,
        "submissions_refused",
        "Requests and spool reads told to come again, by reason.",
        "reason",
        itself.refused,
    )
    requests = CounterMetricFamily(
        "afterword_sidecar_requests", "Answers of the receiver.", labels=("signal", "status")
    )
    for (signal, status), count in itself.requests.items():
        requests.add_metric((signal, str(status)), count, itself.started_at)
    yield requests


def _now(view: View, itself: Itself) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "afterword_sidecar_queue_submissions",
        "Submissions waiting to be booked.",
        itself.queue_submissions,
    )
    yield GaugeMetricFamily(
        "afterword_sidecar_queue_bytes", "Bytes waiting to be booked.", itself.queue_bytes
    )
    yield GaugeMetricFamily(
        "afterword_sidecar_store_failing",
        "1 while the store cannot be written to and evidence is refused.",
        float(itself.store_failing),
    )
    streams = GaugeMetricFamily(
        "afterword_sidecar_streams", "Processes the book knows of.", labels=("state",)
    )
    streams.add_metric(("live",), view.streams_live)
    streams.add_metric(("ended",), view.streams_ended)
    yield streams


def _counter(itself: Itself, name: str, documentation: str, value: float) -> Metric:
    return CounterMetricFamily(
        f"afterword_sidecar_{name}", documentation, value, created=itself.started_at
    )


def _labelled(
    itself: Itself, name: str, documentation: str, label: str, counts: Mapping[str, int]
) -> Metric:
    family = CounterMetricFamily(f"afterword_sidecar_{name}", documentation, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count, itself.started_at)
    return family


def _of_spool(itself: Itself, spool: ItsSpool) -> Iterator[Metric]:
    yield _counter(itself, "spool_lines_read", "Lines read from the spool.", spool.lines_read)
    yield _labelled(
        itself,
        "spool_lines_skipped",
        "Lines and records without effect.",
        "reason",
        spool.lines_skipped,
    )
    yield _counter(
        itself, "spool_segments_deleted", "Segments read out and removed.", spool.segments_deleted
    )
    yield _counter(
        itself, "spool_streams_ended", "Processes seen to die by their lock.", spool.streams_ended
    )
    yield GaugeMetricFamily(
        "afterword_sidecar_spool_streams", "Processes whose lock is held.", spool.streams_watched
    )
    yield GaugeMetricFamily(
        "afterword_sidecar_spool_unread_bytes", "Bytes that are not booked yet.", spool.unread_bytes
    )
    if spool.behind_since is not None:
        yield GaugeMetricFamily(
            "afterword_sidecar_spool_behind_since_timestamp_seconds",
            "All that was written before it is booked, and something after it is not.",
            spool.behind_since,
        )
    yield GaugeMetricFamily(
        "afterword_sidecar_spool_readable", "0 while the directory cannot be read.", spool.readable
    )

"""From one version of the book to Prometheus metric families. Pure.

Names, labels and meaning are those of ``docs/semantics.md``; one call shows one version, so that in
every scrape ``scheduled = Σ settled - Σ amended + in flight`` holds for each series. Counters and
histograms carry the time their series was born (``_created``); every pair of outcome and reason a
known task can come to is there from the start, at 0.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from afterword import names
from afterword_sidecar.ledger import totals as kinds
from afterword_sidecar.ledger.records import Total
from afterword_sidecar.ledger.view import View
from afterword_sidecar.metrics.exemplars import Exemplars, bucketed
from afterword_sidecar.metrics.histogram import histogram
from afterword_sidecar.metrics.itself import Itself, itself_families

TASK_LABELS: Final = ("service_name", "task", "platform", "origin")
VERDICT_LABELS: Final = (*TASK_LABELS, "outcome", "reason", "basis")
AMENDMENT_LABELS: Final = (
    *TASK_LABELS,
    "from_outcome",
    "from_reason",
    "to_outcome",
    "to_reason",
)
IN_FLIGHT: Final = "in_flight"

Families = Iterator[Metric]
Labels = tuple[str, ...]
_Totals = dict[str, dict[Labels, Total]]


def families(view: View, itself: Itself, exemplars: Exemplars) -> Families:
    """All metric families of a scrape, in a fixed order."""
    totals: _Totals = defaultdict(dict)
    for (metric, labels), total in view.totals.items():
        totals[metric][labels] = total
    yield _scheduled(view, totals)
    yield _settled(view, totals, exemplars)
    yield _amended(totals)
    yield _tasks(view, totals)
    yield _oldest(view)
    yield from _histograms(totals, exemplars)
    yield from _evidence(view, totals)
    yield from _dead_letters(view, totals)
    yield from itself_families(view, itself)


def _counted(total: Total) -> float:
    # A histogram under a counter's name would be a bug of the ledger; it must not end the scrape.
    return total.value if isinstance(total.value, int | float) else 0.0


def _scheduled(view: View, totals: _Totals) -> Metric:
    family = CounterMetricFamily(
        "afterword_tasks_scheduled", "Deferred tasks that were handed over.", labels=TASK_LABELS
    )
    for series, created in view.series_created.items():
        total = totals[kinds.SCHEDULED].get(series)
        family.add_metric(series, _counted(total) if total else 0.0, created)
    return family


def _settled(view: View, totals: _Totals, exemplars: Exemplars) -> Metric:
    family = CounterMetricFamily(
        "afterword_tasks_settled",
        "Verdicts pronounced on deferred tasks; an amendment pronounces anew.",
        labels=VERDICT_LABELS,
    )
    settled = totals[kinds.SETTLED]
    pairs = kinds.possible_settlements()
    for series, created in view.series_created.items():
        for pair in pairs:
            if (*series, *pair) not in settled:
                family.add_metric((*series, *pair), 0.0, created)
    for labels, total in settled.items():
        # Its birth is its series' even where it stood at 0 until now, or it would seem reset.
        born = min(total.created, view.series_created.get(_series_of(labels), total.created))
        family.add_metric(labels, _counted(total), born, exemplar=exemplars.settled.get(labels))
    return family


def _amended(totals: _Totals) -> Metric:
    family = CounterMetricFamily(
        "afterword_tasks_amended",
        "Verdicts taken back because better evidence came late.",
        labels=AMENDMENT_LABELS,
    )
    for labels, total in totals[kinds.AMENDED].items():
        family.add_metric(labels, _counted(total), total.created)
    return family


def _tasks(view: View, totals: _Totals) -> Metric:
    family = GaugeMetricFamily(
        "afterword_tasks",
        "The book, net of amendments: every task that was handed over is in exactly one outcome.",
        labels=(*TASK_LABELS, "outcome"),
    )
    net = _net_outcomes(totals)
    for series in view.series_created:
        for outcome in names.OUTCOMES:
            family.add_metric((*series, outcome), net.get((*series, outcome), 0.0))
        family.add_metric((*series, IN_FLIGHT), view.in_flight.get(series, 0))
    return family


def _net_outcomes(totals: _Totals) -> Mapping[Labels, float]:
    net: dict[Labels, float] = defaultdict(float)
    for labels, total in totals[kinds.SETTLED].items():
        net[labels[:5]] += _counted(total)
    for labels, total in totals[kinds.AMENDED].items():
        net[labels[:5]] -= _counted(total)
    return net


def _oldest(view: View) -> Metric:
    family = GaugeMetricFamily(
        "afterword_oldest_in_flight_timestamp_seconds",
        "When the oldest task still in flight was handed over, Unix time.",
        labels=TASK_LABELS[:2],
    )
    for labels, at in view.oldest_in_flight.items():
        family.add_metric(labels, at)
    return family


def _histograms(totals: _Totals, exemplars: Exemplars) -> Iterator[Metric]:
    labels = TASK_LABELS[:2]
    yield histogram(
        "afterword_task_duration_seconds",
        "How long tasks ran, by their own clock.",
        labels,
        totals[kinds.DURATION],
        kinds.DURATION_BOUNDS,
        lambda series, bucket: bucketed(exemplars, series, bucket),
    )
    yield histogram(
        "afterword_task_start_delay_seconds",
        "From the hand-over to the first step.",
        labels,
        totals[kinds.START_DELAY],
        kinds.START_DELAY_BOUNDS,
    )
    yield histogram(
        "afterword_task_budget_used_ratio",
        "How much of the time until the platform's deadline a task used; 1 where it was cut off.",
        labels,
        totals[kinds.BUDGET_USED],
        kinds.BUDGET_USED_BOUNDS,
    )


def _evidence(view: View, totals: _Totals) -> Iterator[Metric]:
    holes = GaugeMetricFamily(
        "afterword_evidence_holes",
        "Records missing from the streams right now: lost telemetry, not lost tasks.",
        labels=("service_name",),
    )
    for service, count in view.holes.items():
        holes.add_metric((service,), count)
    yield holes
    yield _plain_counter(
        "afterword_evidence_lost",
        "Missing records given up.",
        ("service_name",),
        totals,
        kinds.EVIDENCE_LOST,
    )
    yield _plain_counter(
        "afterword_evidence_recovered",
        "Records that came after they had been missing.",
        ("service_name",),
        totals,
        kinds.EVIDENCE_RECOVERED,
    )
    yield _plain_counter(
        "afterword_closings_lost",
        "Ends of tasks that had no room in the spool of a process that is dead.",
        ("service_name",),
        totals,
        kinds.CLOSINGS_LOST,
    )
    yield _plain_counter(
        "afterword_streams_untold",
        "Processes that died without room in the spool for one record.",
        ("service_name",),
        totals,
        kinds.STREAMS_UNTOLD,
    )
    yield _plain_counter(
        "afterword_evidence_rejected",
        "Records the book did not take, by reason.",
        ("service_name", "reason"),
        totals,
        kinds.EVIDENCE_REJECTED,
    )
    yield _plain_counter(
        "afterword_label_overflow",
        "Tasks counted as _other because the limit on label values was reached.",
        ("service_name",),
        totals,
        kinds.LABEL_OVERFLOW,
    )


def _dead_letters(view: View, totals: _Totals) -> Iterator[Metric]:
    labels = ("service_name", "task", "outcome")
    kept = GaugeMetricFamily(
        "afterword_dead_letters", "Dead letters kept and not closed.", labels=labels
    )
    for letter, count in view.dead_letters_open.items():
        kept.add_metric(letter, count)
    yield kept
    yield _plain_counter(
        "afterword_dead_letters_buried",
        "Tasks that were lost and kept as dead letters, by their first outcome.",
        labels,
        totals,
        kinds.BURIED,
    )


def _plain_counter(
    name: str, documentation: str, labels: tuple[str, ...], totals: _Totals, metric: str
) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=labels)
    for values, total in totals[metric].items():
        family.add_metric(values, _counted(total), total.created)
    return family


def _series_of(labels: Labels) -> tuple[str, str, str, str]:
    service, task, platform, origin = labels[:4]
    return (service, task, platform, origin)

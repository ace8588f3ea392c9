"""A classic histogram from the ledger's tuple of bucket counts and sum."""

from collections.abc import Callable, Mapping
from itertools import accumulate

from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar

from afterword_sidecar.ledger.records import Total


def histogram(
    name: str,
    documentation: str,
    labels: tuple[str, ...],
    totals: Mapping[tuple[str, ...], Total],
    bounds: tuple[float, ...],
    exemplar: Callable[[tuple[str, ...], int], Exemplar | None] | None = None,
) -> Metric:
    """``totals`` as a family: counts are made cumulative, ``le`` is written ``1.0``, never ``1``.

    A total that is not one count per bound, one for +Inf and a sum is left out.
    """
    family = HistogramMetricFamily(name, documentation, labels=labels)
    limits = [*(repr(float(bound)) for bound in bounds), "+Inf"]
    for values, total in totals.items():
        if not isinstance(total.value, tuple) or len(total.value) != len(limits) + 1:
            continue
        *counts, sum_value = total.value
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        for number, cumulative in enumerate(accumulate(counts)):
            found = exemplar(values, number) if exemplar else None
            limit = limits[number]
            buckets.append((limit, cumulative, found) if found else (limit, cumulative))
        family.add_metric(values, buckets, sum_value)
        family.add_sample(f"{name}_created", dict(zip(labels, values, strict=True)), total.created)
    return family

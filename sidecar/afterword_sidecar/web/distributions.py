"""Quantiles and mean of a histogram of the book, as Prometheus estimates them. Pure."""

from collections.abc import Sequence
from itertools import accumulate

from afterword_sidecar.web.api_shapes import Distribution


def distribution(values: Sequence[float], bounds: Sequence[float]) -> Distribution | None:
    """``None`` if nothing was observed.

    ``values``: bucket counts (not cumulative, the last of +Inf), then the sum; ``bounds``: the
    upper bounds of all buckets but the last.
    """
    counts, total = values[:-1], values[-1]
    count = sum(counts)
    if not count or len(counts) != len(bounds) + 1:
        return None
    return Distribution(
        count=int(count),
        mean=total / count,
        p50=_quantile(0.5, counts, bounds),
        p95=_quantile(0.95, counts, bounds),
        p99=_quantile(0.99, counts, bounds),
        highest_bound=bounds[-1],
    )


def _quantile(share: float, counts: Sequence[float], bounds: Sequence[float]) -> float:
    rank = share * sum(counts)
    for at, below in enumerate(accumulate(counts)):
        if below >= rank and at < len(bounds):
            low = bounds[at - 1] if at else 0.0
            within = (rank - (below - counts[at])) / counts[at] if counts[at] else 1.0
            return low + (bounds[at] - low) * within
    return bounds[-1]

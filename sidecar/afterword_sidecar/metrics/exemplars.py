"""A trace to look at for a series: that of the last task which counted in it. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from prometheus_client.samples import Exemplar

from afterword_sidecar.ledger.records import SettledTask
from afterword_sidecar.ledger.totals import DURATION_BOUNDS

_TRACE_ID: Final = slice(0, 16)
_SPAN_ID: Final = slice(16, 24)
_FLAGS: Final = slice(32, 33)
_SAMPLED: Final = 1


class Exemplars(msgspec.Struct, frozen=True):
    """By the labels of the series they belong to."""

    settled: dict[tuple[str, ...], Exemplar] = {}
    """By service, task, platform, origin, outcome, reason, basis."""
    duration: dict[tuple[str, str, int], Exemplar] = {}
    """By service, task and number of the bucket."""


def exemplars_of(recently_settled: Iterable[SettledTask]) -> Exemplars:
    """The latest of ``recently_settled`` (latest last) for each series, where its trace exists.

    A trace that was not sampled is nowhere to be looked at, so it makes no exemplar.
    """
    settled: dict[tuple[str, ...], Exemplar] = {}
    duration: dict[tuple[str, str, int], Exemplar] = {}
    for task in recently_settled:
        ids = _sampled_ids(task)
        if not ids:
            continue
        series, verdict = task.opening.series, task.verdict
        where = (series.service, series.task, series.platform, series.origin)
        pair = (verdict.outcome, verdict.reason, verdict.basis)
        settled[(*where, *pair)] = Exemplar(ids, 1.0, verdict.at)
        if task.duration_seconds is not None:
            bucket = bisect_left(DURATION_BOUNDS, task.duration_seconds)
            exemplar = Exemplar(ids, task.duration_seconds, verdict.at)
            duration[(series.service, series.task, bucket)] = exemplar
    return Exemplars(settled=settled, duration=duration)


def bucketed(exemplars: Exemplars, labels: Sequence[str], bucket: int) -> Exemplar | None:
    """The exemplar of one bucket of the duration's histogram."""
    service, task = labels
    return exemplars.duration.get((service, task, bucket))


def _sampled_ids(task: SettledTask) -> dict[str, str]:
    trace = task.opening.trace
    flags = trace[_FLAGS]
    if not flags or not flags[0] & _SAMPLED:
        return {}
    # 48 hex digits and two keys: far below OpenMetrics' 128 characters.
    return {"trace_id": trace[_TRACE_ID].hex(), "span_id": trace[_SPAN_ID].hex()}

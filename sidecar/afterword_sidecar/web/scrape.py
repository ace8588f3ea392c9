"""``/metrics``: a committed version of the book, rendered off the loop, one scrape at a time."""

import asyncio
from collections.abc import Callable
from itertools import chain
from typing import Final

from aiohttp import web
from prometheus_client import ProcessCollector

from afterword_sidecar import metrics, otlp
from afterword_sidecar.ledger.book import BAD_OPENING, STALE, TOO_MANY_STREAMS
from afterword_sidecar.metrics import Itself, ItsSpool, ItsUpstream
from afterword_sidecar.service import COMMIT_SECONDS_BOUNDS, Service
from afterword_sidecar.spool.stats import SpoolStats
from afterword_sidecar.upstream import DROP_REASONS, SIGNALS, UpstreamStats

# Written at 0 from the start: a series born at 1 has no increase.
_REJECTIONS: Final = dict.fromkeys((*otlp.REASONS, STALE, TOO_MANY_STREAMS, BAD_OPENING), 0)
_SIGNALS: Final = dict.fromkeys(SIGNALS, 0)
_DROPS: Final = {(signal, reason): 0 for signal in SIGNALS for reason in DROP_REASONS}
# What it costs: memory, processor time, descriptors, under the names that every process has them.
_PROCESS: Final = ProcessCollector(registry=None)
_REFUSALS: Final = dict.fromkeys(("overloaded", "store_unavailable", "stopping"), 0)


class Scrape:
    """Answers scrapes."""

    def __init__(
        self,
        service: Service,
        spool: SpoolStats | None,
        upstream: UpstreamStats | None = None,
        *,
        started_at: float,
        version: str,
    ) -> None:
        self._service = service
        self._spool = spool
        self._upstream = upstream
        self._started_at = started_at
        self._version = version
        # However many scrape at once, one thread renders: the loop keeps its share.
        self._rendering = asyncio.Lock()

    async def handle(self, request: web.Request) -> web.Response:
        """The book's and the sidecar's metrics, in the form that ``Accept`` asks for."""
        form = metrics.negotiate(request.headers.get("Accept", ""))
        zipped = metrics.accepts_gzip(request.headers.get("Accept-Encoding", ""))
        async with self._rendering:
            families = await self._families()
            body = await asyncio.to_thread(metrics.render, families, form, zipped=zipped)
        headers = {"Content-Type": form.value, "Vary": "Accept, Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    async def _families(self) -> Callable[[], metrics.Families]:
        view = await self._service.view()
        itself = self._itself()
        exemplars = metrics.exemplars_of(tuple(self._service.recently_settled))
        return lambda: chain(metrics.families(view, itself, exemplars), _PROCESS.collect())

    def _itself(self) -> Itself:
        stats = self._service.stats
        return Itself(
            started_at=self._started_at,
            version=self._version,
            book_id=self._service.book_id,
            records_accepted=stats.records_accepted,
            records_duplicate=stats.records_duplicate,
            records_rejected=_REJECTIONS | dict(stats.records_rejected),
            records_passed_by=dict(stats.passed_by),
            refused=_REFUSALS | dict(stats.refused),
            requests=dict(stats.requests),
            commit_seconds_bounds=COMMIT_SECONDS_BOUNDS,
            commit_seconds=(*stats.commit_seconds_buckets, stats.commit_seconds_sum),
            commits_failed=stats.commits_failed,
            queue_submissions=stats.queue_submissions,
            queue_bytes=stats.queue_bytes,
            store_failing=stats.store_failing_since is not None,
            stalls=stats.stalls,
            internal_errors=stats.internal_errors
            + (self._upstream.internal_errors if self._upstream else 0),
            spool=self._of_spool(),
            upstream=self._of_upstream(),
        )

    def _of_spool(self) -> ItsSpool | None:
        stats = self._spool
        if stats is None:
            return None
        return ItsSpool(
            streams_watched=stats.streams_watched,
            streams_ended=stats.streams_ended,
            lines_read=stats.lines_read,
            lines_skipped=dict(stats.lines_skipped),
            segments_deleted=stats.segments_deleted,
            unread_bytes=stats.unread_bytes,
            behind_since=stats.behind_since,
            readable=not stats.problem,
        )

    def _of_upstream(self) -> ItsUpstream | None:
        stats = self._upstream
        if stats is None:
            return None
        return ItsUpstream(
            sent=_SIGNALS | dict(stats.sent),
            dropped=_DROPS | dict(stats.dropped),
            retries=_SIGNALS | dict(stats.retries),
            records_rejected=_SIGNALS | dict(stats.records_rejected),
            queue_requests=_SIGNALS | dict(stats.queue_requests),
            queue_bytes=_SIGNALS | dict(stats.queue_bytes),
            failing=_SIGNALS | dict.fromkeys(stats.failing, 1),
            verdicts_sent=stats.verdicts_sent,
            verdicts_dropped=stats.verdicts_dropped,
            verdicts_unpublished=stats.verdicts_unpublished,
            missing_spans_sent=stats.missing_spans_sent,
        )

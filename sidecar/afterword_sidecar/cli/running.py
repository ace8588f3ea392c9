"""The composition root: a store, its book, the service over them, and the doors to it. Wiring only.

A stop goes from the outside in: no new evidence, then what is here is committed, and the operators'
port closes last. It is bounded: what is not committed then was not acknowledged either.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from time import time
from typing import Any, Final

from aiohttp import web

from afterword_sidecar import __version__
from afterword_sidecar.cli.announcing import announce
from afterword_sidecar.cli.collector import unburdened_collector
from afterword_sidecar.cli.listening import listening
from afterword_sidecar.cli.stopping import stop_asked
from afterword_sidecar.journal.beside import journaled
from afterword_sidecar.journal.writing import Keeping
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.service import Pace, Refused, Service
from afterword_sidecar.settings import IN_MEMORY, Settings
from afterword_sidecar.spool.reader import SpoolReader
from afterword_sidecar.spool.settings import SpoolSettings
from afterword_sidecar.stores.contract import Retention, Store
from afterword_sidecar.stores.memory import MemoryStore
from afterword_sidecar.stores.sqlite import SqliteStore
from afterword_sidecar.upstream import Telling, Upstream
from afterword_sidecar.web.api_shapes import UnreadyReason
from afterword_sidecar.web.broken_requests import ServerLog
from afterword_sidecar.web.limits import OPERATORS_KEEPALIVE_SECONDS, ReceiverLimits
from afterword_sidecar.web.operators import operators_app
from afterword_sidecar.web.page.losses_view import Kept
from afterword_sidecar.web.page.routes import PageSettings
from afterword_sidecar.web.receiver import make_receiver, make_runner

_REQUESTS_SHARE: Final = 0.3
"""Of the time a stop may take: for requests under way. Half is the store's; the rest is slack."""
_STORE_SHARE: Final = 0.5
_UPSTREAM_SHARE: Final = 0.15

log = logging.getLogger("afterword_sidecar")


def run_until_stopped(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        StoreError: the book cannot be opened, or is held by another sidecar.
        SpoolError: the same of the spool.
        OSError: a port cannot be listened on.
    """
    _runner()(_run(settings))


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop  # noqa: PLC0415 - a tenth faster where there is one; not on every platform
    except ImportError:
        return asyncio.run
    return uvloop.run


async def _run(settings: Settings) -> None:
    stop = stop_asked(settings.stop_seconds)
    service = _service(settings)
    spool = _spool(settings, service)
    upstream = _upstream(service, settings)
    patience = settings.stop_seconds * _REQUESTS_SHARE
    async with AsyncExitStack() as running:
        operators = _operators(service, spool, upstream, settings, patience)
        operators_at = await running.enter_async_context(
            listening(
                operators,
                settings.operators_host,
                settings.operators_port,
                patience,
                flag="--operators-port",
            )
        )
        await service.start()
        running.push_async_callback(service.stop)
        if upstream is not None:
            # What it still has to tell it reads from the store, which closes after it.
            await upstream.start()
            running.push_async_callback(upstream.stop, settings.stop_seconds * _UPSTREAM_SHARE)
        if spool is not None:
            await spool.start()
            running.push_async_callback(spool.stop)
        receiver_at = await running.enter_async_context(
            listening(
                _receiver(service, upstream, settings),
                settings.receiver_host,
                settings.receiver_port,
                patience,
                flag="--receiver-port",
            )
        )
        announce(settings, receiver=receiver_at, operators=operators_at, book_id=service.book_id)
        await _until(stop, service)
        log.info("stopping")
    log.info("stopped")


def _upstream(service: Service, settings: Settings) -> Upstream | None:
    if not settings.upstream.any:
        return None
    upstream = Upstream(
        settings.upstream,
        service.read,
        book_id=service.book_id,
        telling=Telling(settings.verdict_events, settings.missing_spans),
        queue_bytes=settings.upstream_queue_bytes,
    )
    service.watch(lambda changes: upstream.settled(changes.settled))
    return upstream


def _receiver(service: Service, upstream: Upstream | None, settings: Settings) -> web.AppRunner:
    limits = ReceiverLimits(body_bytes=settings.body_bytes, inflated_bytes=settings.inflated_bytes)
    application = make_receiver(
        service,
        limits=limits,
        token=settings.token,
        unset_completed=settings.unset_completed,
        upstream=upstream,
    )
    return make_runner(application, limits=limits)


def _operators(
    service: Service,
    spool: SpoolReader | None,
    upstream: Upstream | None,
    settings: Settings,
    patience_seconds: float,
) -> web.AppRunner:
    kept = Kept(settings.dead_letter_age_seconds, settings.dead_letter_count)
    application = operators_app(
        service,
        version=__version__,
        unready=lambda: list(_spool_reasons(spool)),
        spool=spool.stats if spool else None,
        upstream=upstream.stats if upstream else None,
        page=PageSettings(trace_url=settings.trace_url, kept=kept),
    )
    return web.AppRunner(
        application,
        access_log=None,
        logger=ServerLog("operators"),
        keepalive_timeout=OPERATORS_KEEPALIVE_SECONDS,
        shutdown_timeout=patience_seconds,
    )


def _store(settings: Settings) -> Store:
    notes = bool(settings.upstream.logs or settings.upstream.traces)
    if settings.database == IN_MEMORY:
        return MemoryStore(notes_unpublished=notes)
    return SqliteStore(Path(settings.database), notes_unpublished=notes)


def _spool(settings: Settings, service: Service) -> SpoolReader | None:
    if not settings.spool:
        return None
    how = SpoolSettings.vouching_within(settings.longest_life_seconds)
    return SpoolReader(settings.spool, service, refused=Refused, settings=how)


def _book(settings: Settings, limits: Limits) -> tuple[Book, Store]:
    store = _store(settings)
    if not settings.journal:
        return Book(limits, store.load(), time()), store
    keeping = Keeping(age_seconds=settings.journal_age_seconds, size_bytes=settings.journal_bytes)
    return journaled(store, limits, Path(settings.journal), keeping, time)


def _service(settings: Settings) -> Service:
    limits = Limits(
        grace_seconds=settings.grace_seconds,
        longest_life_seconds=settings.longest_life_seconds,
        finality_seconds=settings.finality_seconds,
        stream_retention_seconds=settings.stream_retention_seconds,
        services=settings.services,
        tasks_per_service=settings.tasks_per_service,
        series_in_all=settings.series_in_all,
    )
    retention = Retention(
        age_seconds=settings.dead_letter_age_seconds,
        count=settings.dead_letter_count,
        payload_bytes=settings.dead_letter_payload_bytes,
    )
    with unburdened_collector():
        book, store = _book(settings, limits)
    pace = Pace(stop_seconds=settings.stop_seconds * _STORE_SHARE)
    return Service(book, store, pace=pace, retention=retention)


async def _until(stop: asyncio.Event, service: Service) -> None:
    """Until a stop is asked for, or the writer dies: a book nobody writes must not look alive."""
    stopping = asyncio.ensure_future(stop.wait())
    failing = asyncio.ensure_future(service.failed())
    await asyncio.wait((stopping, failing), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if failing.done():
        log.critical("the book's writer has died; the sidecar ends")
        failing.result()
    failing.cancel()


def _spool_reasons(spool: SpoolReader | None) -> Iterator[UnreadyReason]:
    if spool is not None and spool.stats.problem:
        yield UnreadyReason("spool_unreadable", spool.stats.problem)

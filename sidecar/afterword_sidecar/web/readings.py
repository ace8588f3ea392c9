"""What may be asked about the book, answered in the API's shapes: for the API and for the page."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, Final

from afterword_sidecar.ledger.audit import Auditing
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.records import TaskKey
from afterword_sidecar.ledger.view import View
from afterword_sidecar.service import Refused, Service
from afterword_sidecar.service.history import SLOT_SECONDS
from afterword_sidecar.stores.positions import key_from
from afterword_sidecar.web import (
    api_audit,
    api_book,
    api_dead_letters,
    api_summaries,
    api_views,
)
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_losses import LossCounts
from afterword_sidecar.web.api_summaries import SummaryFilter
from afterword_sidecar.web.api_tasks import Snapshots, TaskFilter
from afterword_sidecar.web.audit_shapes import Audit

DEFAULT_PAGE: Final = 100
AUDIT_KEPT_SECONDS: Final = 1.0
STREAMS_AUDITED_AT_ONCE: Final = 2000
"""Some 2 ms, or 9 where something is missing of each."""


class Readings:
    """Reads a started service; whatever is slow runs in a thread.

    Methods raise ``ParameterError`` for a foreign cursor, ``GoneError`` for one that is not kept
    any more, ``StoreUnavailable`` and ``StoreError`` while the store fails.
    """

    def __init__(self, service: Service, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic, seconds."""
        self._service = service
        self._snapshots = Snapshots(service, clock)
        self._losses = LossCounts(service, clock)
        self._clock = clock
        self._audit: tuple[float, Audit] | None = None
        self._auditing = asyncio.Lock()
        self._recent = asyncio.Lock()

    async def book(self, reach: str) -> shapes.Book:
        """All of it, with the slots of ``reach``, a key of ``api_book.REACHES``."""
        return await self._book_of(await self._service.view(), reach)

    async def glance(self, reach: str, most: int) -> tuple[shapes.Book, list[shapes.Task]]:
        """The book and the tasks longest in flight, oldest first, of one moment.

        While the store fails the book is of its last commit, and no task is listed.
        """
        try:
            snapshot = await self._snapshots.take()
        except Refused:
            return await self.book(reach), []
        oldest = await asyncio.to_thread(snapshot.oldest, most)
        return await self._book_of(snapshot.view, reach), oldest

    async def recent_audit(self) -> Audit:
        """Whether the book can be trusted; for all who look within a second the same."""
        async with self._recent:
            if self._audit is None or self._clock() - self._audit[0] >= AUDIT_KEPT_SECONDS:
                self._audit = (self._clock(), await self.audit())
            return self._audit[1]

    async def audit(self, service: str = "") -> Audit:
        """Whether the book can be trusted now, for one ``service`` or for all.

        There may be very many streams. It looks at some of them at a time, all of them committed,
        and lets the loop go on in between; one audit at a time, however many ask.
        Raises ``UnknownServiceError``.
        """
        async with self._auditing:
            auditing = Auditing(self._service.now())
            waiting = iter(await self._service.inspect(Book.stream_ids))
            while some := list(islice(waiting, STREAMS_AUDITED_AT_ONCE)):
                await self._service.inspect(partial(_audit, auditing=auditing, stream_ids=some))
                await asyncio.sleep(0)
            view = await self._service.inspect(Book.view)
            found = await asyncio.to_thread(auditing.found, view)
        return await asyncio.to_thread(api_audit.answer, found, service)

    async def _book_of(self, view: View, reach: str) -> shapes.Book:
        now = self._service.now()
        whole_seconds, slot_seconds = api_book.REACHES[reach]
        summarise = partial(
            api_book.book,
            view,
            self._service.history.book((whole_seconds + slot_seconds) // SLOT_SECONDS, now),
            slot_seconds,
            at=now,
            whole_since=self._service.history.whole_since,
            book_id=self._service.book_id,
        )
        return await asyncio.to_thread(summarise)

    async def summaries(self, wanted: SummaryFilter) -> shapes.TaskSummaryPage:
        """Tasks by their labels."""
        view, now = await self._service.view(), self._service.now()
        history = self._service.history
        last_hour = {labels[:2]: history.task(*labels[:2], now) for labels in view.series_created}
        found = partial(api_summaries.page, view, last_hour, wanted, now)
        return await asyncio.to_thread(found)

    async def losses(self, filters: dict[str, Any]) -> shapes.Losses:
        """Dead letters of the last seven days by kind and window."""
        return await self._losses.of(filters)

    async def dead_letters(self, asked: dict[str, Any]) -> shapes.DeadLetterPage:
        """Dead letters, newest first."""
        return await self._service.read(lambda store: api_dead_letters.page(store, asked))

    async def tasks(self, asked: dict[str, Any]) -> shapes.TaskPage:
        """Tasks in flight, and those settled lately, from one snapshot."""
        wanted = dict(asked)
        limit = wanted.pop("limit", DEFAULT_PAGE)
        cursor = wanted.pop("cursor", "")
        found = self._snapshots.find(cursor) if cursor else (await self._snapshots.take(), 0)
        snapshot, position = found
        return await asyncio.to_thread(snapshot.page, TaskFilter(**wanted), limit, position)

    async def task(self, task_id: str) -> shapes.Task | None:
        """One task: in flight, lost (a ``DeadLetterWithPayload``), or settled lately.

        ``None``: it never was, it completed a while ago, or retention has taken it.
        """
        key = key_from(task_id)
        if key is None:
            return None
        open_task = await self._service.inspect(partial(_find, key=key))
        if open_task is not None:
            return api_views.open_task(open_task)
        letter = await self._service.read(lambda store: api_dead_letters.one(store, task_id))
        if letter is not None:
            return letter
        lately = reversed(tuple(self._service.recently_settled))
        settled = next((task for task in lately if task.key == key), None)
        return api_views.settled_task(settled) if settled else None


def _find(book: Book, key: TaskKey) -> Any:
    return book.find(key)


def _audit(book: Book, auditing: Auditing, stream_ids: list[bytes]) -> None:
    book.audit_streams(auditing, stream_ids)

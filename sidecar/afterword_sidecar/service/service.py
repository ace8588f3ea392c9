"""The service: who may join the line, and what may be asked of a book that others write."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from operator import methodcaller
from typing import Final, TypeVar

from msgspec.structs import replace

from afterword_sidecar.ledger.book import Book, Receipt
from afterword_sidecar.ledger.facts import Batch
from afterword_sidecar.ledger.records import Changes, SettledTask
from afterword_sidecar.ledger.view import View
from afterword_sidecar.service.committing import Committing
from afterword_sidecar.service.history import SLOT_SECONDS, SLOTS, History
from afterword_sidecar.service.line import Submission, slices
from afterword_sidecar.service.pace import Pace
from afterword_sidecar.service.pruning import Pruning
from afterword_sidecar.service.refusals import Overloaded, StoreUnavailable
from afterword_sidecar.service.stats import ServiceStats
from afterword_sidecar.service.store_thread import StoreThread
from afterword_sidecar.service.writer import Writer
from afterword_sidecar.stores.contract import DeadLetterQuery, Retention, Store, StoreError, Tally

T = TypeVar("T")

LETTERS_PER_STRETCH: Final = 2_000
"""Counted at once: about 3 ms, and then a commit may go first."""
_RECALLED_AT_MOST: Final = 200_000

log = logging.getLogger(__name__)


class Service:
    """One writer over a book and its store. Made and used on one running event loop.

    The store has been loaded and the book restored from it. ``clock`` gives Unix seconds.
    """

    def __init__(
        self,
        book: Book,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        pace: Pace | None = None,
        retention: Retention | None = None,
    ) -> None:
        pace = pace or Pace()
        self.stats = ServiceStats()
        self.book_id = store.book_id
        """32 hex characters: which book this is."""
        self._clock = clock
        self._pace = pace
        self._stop_asked = asyncio.Event()
        self._store = StoreThread(store)
        self._committing = Committing(self._store, self.stats, pace, clock, self._stop_asked)
        pruning = Pruning(
            self._store,
            self.stats,
            retention,
            interval_seconds=pace.prune_interval_seconds,
            clock=clock,
        )
        self._writer = Writer(
            book,
            self.stats,
            self._committing,
            pruning,
            clock=clock,
            pace=pace,
            stop_asked=self._stop_asked,
        )
        self.history = History(self._writer.view.totals, clock())
        """What was counted lately, slot by slot."""
        self.watch(lambda changes: self.history.note(changes.totals, clock()))
        self._writing: asyncio.Task[None] | None = None
        self._stopped: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to write; what was lost before is recalled from the store."""
        await self._recall()
        self._writing = asyncio.create_task(self._writer.write(), name="afterword-writer")

    def watch(self, told: Callable[[Changes], None]) -> None:
        """Call ``told`` on the loop with what each commit has made true; it must be short.

        Several commits may be told of as fast as they follow one another. Never unwatched. What it
        raises is a bug of ours: counted, and it costs the book nothing.
        """
        self._writer.watchers.add(told)

    async def tally(
        self, query: DeadLetterQuery, slot_seconds: int, *, most: int
    ) -> AsyncIterator[Tally]:
        """Dead letters counted, newest first, until ``most`` were looked at, and some more.

        Commits may come between, and so may new letters: a position is kept, and nothing is counted
        twice. Raises ``StoreError``; ``ValueError`` for a foreign cursor.
        """
        query = replace(query, limit=LETTERS_PER_STRETCH)
        examined = 0
        while examined < most:
            tally = await self.read(methodcaller("tally", query, slot_seconds))
            yield tally
            if not tally.next_cursor:
                return
            examined += tally.examined
            query = replace(query, cursor=tally.next_cursor)

    async def _recall(self) -> None:
        began = self.history.whole_since
        day = DeadLetterQuery(since=began - SLOTS * SLOT_SECONDS, until=began)
        try:
            async for tally in self.tally(day, SLOT_SECONDS, most=_RECALLED_AT_MOST):
                self.history.recall(tally.counts)
        except StoreError as error:
            log.warning("the history of the last day begins now: %s", error)

    async def stop(self) -> None:
        """Book and commit what waits, refuse what comes, close the store. Idempotent.

        While the store fails it goes on trying for ``Pace.stop_seconds``; what then is not durable
        was not acknowledged either.
        """
        self._stop_asked.set()
        if self._stopped is None:
            self._stopped = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopped)

    async def _stop(self) -> None:
        self._writer.wake()
        try:
            if self._writing is not None:
                await self._writing
        finally:
            self._writer.dismiss(self._stopping())
            await self._store.close()

    async def failed(self) -> None:
        """Returns when the writer stops; raises what it died of, if that was a bug of ours.

        Whoever runs the sidecar ends it then: a book nobody writes must not look alive.
        """
        if self._writing is not None:
            await asyncio.shield(self._writing)

    @property
    def ready(self) -> bool:
        """Whether evidence is taken: started, not stopping, and the store works."""
        return self._takes_evidence() and self.stats.store_failing_since is None

    @property
    def recently_settled(self) -> deque[SettledTask]:
        """The last tasks pronounced or amended, committed; the latest last."""
        return self._writer.recently_settled

    def now(self) -> float:
        """The sidecar's clock, Unix seconds."""
        return self._clock()

    def arrived(self, received_at: float) -> AbstractContextManager[None]:
        """For as long as evidence that is here since ``received_at`` is not submitted yet.

        Time does not overtake it. Enter when it is here whole, so that a slow sender holds nothing.
        """
        return self._writer.arrivals.arrived(received_at)

    async def submit(self, batches: Sequence[Batch], size_bytes: int) -> Receipt:
        """Book ``batches`` in their order; returns when that is durable.

        A caller that is cancelled while it waits is booked all the same; what it sends again is a
        duplicate, and harmless.

        Args:
            batches: facts with their sources.
            size_bytes: what they weigh, for the bound on what may wait.

        Raises:
            Overloaded: too much waits already, or the sidecar is stopping.
            StoreUnavailable: the store fails; some of it may be applied, none is acknowledged.
        """
        received_at = min((batch.received_at for batch in batches), default=self._clock())
        return await self._join(
            Submission(
                slices=slices(batches),
                size_bytes=size_bytes,
                received_at=received_at,
                done=asyncio.get_running_loop().create_future(),
            )
        )

    async def stream_ended(self, stream: bytes, *, alive_at: float) -> None:
        """A stream's lock fell and its spool is read to the end; returns when that is durable.

        Telling it again is harmless. ``alive_at``: when it was last seen holding its lock, Unix
        seconds. Raises as ``submit``.
        """
        await self._do(lambda book, now: book.stream_ended(stream, now, alive_at=alive_at))

    async def spool_gone(self, stream: bytes) -> None:
        """A stream that told by spool has no file left in it, nor had its end been told.

        Returns when that is durable. Raises as ``submit``.
        """
        await self._do(lambda book, now: book.spool_gone(stream, now))

    async def records_lost(self, stream: bytes, *, highest: int, closings: int) -> None:
        """A spool had no room for records up to this number, so many closings among them.

        All that it had room for is submitted. Returns when that is durable. Raises as ``submit``.
        """
        await self._do(lambda book, now: book.records_lost(stream, highest, closings, now))

    def alive(self, streams: Iterable[bytes]) -> None:
        """The locks of these streams are held now. To be told every few seconds."""
        self._writer.alive(streams)

    async def spooled_streams(self) -> set[bytes]:
        """Streams that told by spool and have not ended, as far as the book knows."""
        return await self._writer.inspect(Book.spooled_streams)

    async def view(self) -> View:
        """The book's totals, of a committed version only.

        While the store fails or is slow, those of its last good second.
        """
        try:
            async with asyncio.timeout(self._pace.view_age_seconds):
                self._writer.view = await self._writer.inspect(Book.view)
        except (StoreUnavailable, TimeoutError):
            pass  # the last good one stands; the failure has a metric and a log line of its own
        return self._writer.view

    async def inspect(self, call: Callable[[Book], T]) -> T:
        """What ``call`` finds in the book at a moment when all of it is committed.

        It runs on the loop: it must be short and change nothing.

        Raises:
            StoreUnavailable: the book is ahead of its store, which fails.
        """
        return await self._writer.inspect(call)

    async def read(self, call: Callable[[Store], T]) -> T:
        """What ``call`` returns, run on the store's only thread. Raises what it raises."""
        return await self._store.read(call)

    def _takes_evidence(self) -> bool:
        running = self._writing is not None and not self._writing.done()
        return running and not self._stop_asked.is_set()

    async def _do(self, deed: Callable[[Book, float], None]) -> None:
        await self._join(
            Submission(
                slices=iter(()),
                size_bytes=0,
                received_at=self._clock(),
                done=asyncio.get_running_loop().create_future(),
                deed=deed,
            )
        )

    async def _join(self, submission: Submission) -> Receipt:
        self._check_room(submission.size_bytes)
        self._writer.line.join(submission)
        self._writer.weigh()
        self._writer.wake()
        return await submission.done

    def _check_room(self, size_bytes: int) -> None:
        self.stats.submissions += 1
        if not self._takes_evidence():
            self.stats.refused["stopping"] += 1
            raise self._stopping()
        if self.stats.store_failing_since is not None:
            self.stats.refused["store_unavailable"] += 1
            raise self._committing.unavailable()
        line, pace = self._writer.line, self._pace
        too_heavy = line.size_bytes + size_bytes > pace.queue_bytes
        if line and (too_heavy or len(line) >= pace.queue_submissions):
            self.stats.refused["overloaded"] += 1
            raise Overloaded(
                f"{line.size_bytes} bytes in {len(line)} submissions wait to be booked",
                retry_after_seconds=pace.overload_retry_seconds,
            )

    def _stopping(self) -> Overloaded:
        return Overloaded(
            "the sidecar is starting or stopping",
            retry_after_seconds=self._pace.overload_retry_seconds,
        )

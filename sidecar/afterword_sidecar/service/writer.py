"""The writing loop: what waits is applied to the book, committed, and only then acknowledged.

The order is the promise. Nothing that anyone is told (an acknowledgement, a metric, a page) is
ahead of the store: while the store fails, nothing more is applied, what was applied stays pending
and is tried again until it is there, and everyone is asked to come again. So a batch sent a second
time is a duplicate only of something that is durable.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, TypeVar

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.facts import Batch
from afterword_sidecar.ledger.records import SettledTask
from afterword_sidecar.service.arrivals import Arrivals
from afterword_sidecar.service.committing import Committing
from afterword_sidecar.service.line import SLICES_PER_TURN, Line, Submission
from afterword_sidecar.service.pace import Pace
from afterword_sidecar.service.pruning import Pruning
from afterword_sidecar.service.refusals import Refused
from afterword_sidecar.service.stats import ServiceStats
from afterword_sidecar.service.watchers import Watchers

T = TypeVar("T")

TICK_SECONDS: Final = 1.0
"""The loop looks at the clock at least so often, to notice when it stood still."""
SHORTEST_REST_SECONDS: Final = 0.005
SHORT_STALL_RATIO: Final = 0.1
"""Of ``Pace.stall_seconds``: a gap of more than this, too short for clients to have given up, is
waited for once more before time goes on."""
FACTS_BETWEEN_PAUSES: Final = 1_000
"""Applied before others on the loop are served: 2 to 5 ms."""

log = logging.getLogger(__name__)


class Writer:
    """The only one who changes the book."""

    def __init__(
        self,
        book: Book,
        stats: ServiceStats,
        committing: Committing,
        pruning: Pruning,
        *,
        clock: Callable[[], float],
        pace: Pace,
        stop_asked: asyncio.Event,
    ) -> None:
        self.line = Line()
        self.arrivals = Arrivals(self.wake)
        self.recently_settled: deque[SettledTask] = deque(maxlen=pace.settled_kept)
        self.watchers = Watchers(stats)
        """Told of what each commit has made true, after it."""
        self.view = book.view()
        """Of a committed version; at most ``view_age_seconds`` older than the last commit."""
        self._book = book
        self._stats = stats
        self._committing = committing
        self._pruning = pruning
        self._clock = clock
        self._pace = pace
        self._stop_asked = stop_asked
        self._wanted = asyncio.Event()
        self._looks: list[Callable[[], None]] = []
        self._dirty = False
        self._view_at = self._ticked_at = clock()
        self._stood_still_at = self._caught_up_at = 0.0

    def wake(self) -> None:
        """There may be something to do."""
        self._wanted.set()

    async def inspect(self, call: Callable[[Book], T]) -> T:
        """What ``call`` finds at a moment when all of the book is committed.

        Raises:
            StoreUnavailable: the book is ahead of its store, which fails.
        """
        if not self._dirty:
            return call(self._book)
        found: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if found.done():
                return
            if self._dirty:
                found.set_exception(self._committing.unavailable())
                return
            try:
                found.set_result(call(self._book))
            except Exception as error:  # noqa: BLE001 - the asker's own, given back
                found.set_exception(error)

        self._looks.append(look)
        if self._stats.store_failing_since is not None:
            self._let_look()
        return await found

    def alive(self, streams: Iterable[bytes]) -> None:
        """The locks of these streams are held now: nothing that is to be committed."""
        self._book.alive(streams, self._clock())

    async def write(self) -> None:
        """Until a stop is asked for and nobody waits any more."""
        self._ticked_at = self._clock()
        while True:
            if not self.line and not self._dirty:
                if self._stop_asked.is_set():
                    return
                await self._rest()
            self._tick()
            self._refresh_view()
            finished = await self._apply()
            self._advance()
            if not await self._commit(finished):
                return
            if await self._pruning.prune(self._book):
                self._dirty = True

    # ---- time ---------------------------------------------------------------------------------

    def _present(self) -> float:
        """The earlier of the clock and the receipt of the oldest evidence not yet booked.

        After a short stall, for as long as it lasted, the moment when it began: what came meanwhile
        lies in sockets and files that have not been read yet.
        """
        now = self._clock()
        waiting = (self.line.oldest_received_at(), self.arrivals.oldest_received_at())
        if now < self._caught_up_at:
            now = min(now, self._stood_still_at)
        return min([now, *(at for at in waiting if at is not None)])

    async def _rest(self) -> None:
        """Until somebody joins, something is due, or a tick has passed."""
        self._wanted.clear()
        due = self._book.next_due()
        seconds = TICK_SECONDS
        if due is not None and not self._present() < due <= self._clock():
            seconds = min(seconds, max(SHORTEST_REST_SECONDS, due - self._clock()))
        if self.line or self._stop_asked.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()

    def _tick(self) -> None:
        """Notice that the sidecar itself stood still, or that its clock was put forward."""
        now = self._clock()
        ticked_at, self._ticked_at = self._ticked_at, now
        gap_seconds = now - ticked_at
        if gap_seconds > TICK_SECONDS + self._pace.stall_seconds:
            self._stats.stalls += 1
            log.warning("no evidence was taken for %.1f s: deadlines are put off", gap_seconds)
            self._book.stalled(gap_seconds, now)
            self._dirty = True
        elif gap_seconds > TICK_SECONDS + self._pace.stall_seconds * SHORT_STALL_RATIO:
            self._stood_still_at, self._caught_up_at = ticked_at, now + gap_seconds

    def _advance(self) -> None:
        due, now = self._book.next_due(), self._present()
        if due is not None and due <= now:
            self._dirty = True
            self._book.advance(now)

    # ---- apply, commit, acknowledge -----------------------------------------------------------

    def _refresh_view(self) -> None:
        """Keep a view to show should the next commit fail."""
        now = self._clock()
        if not self._dirty and abs(now - self._view_at) >= self._pace.view_age_seconds:
            self.view, self._view_at = self._book.view(), now

    async def _apply(self) -> list[Submission]:
        """Give everyone in line a turn; returns whom the next commit completes."""
        finished: list[Submission] = []
        facts = pause_at = 0
        for submission, turn, last in self.line.turns():
            self._dirty = True
            facts += self._apply_turn(submission, turn)
            if last:
                finished.append(submission)
            if facts >= self._pace.facts_per_commit:
                break
            if facts >= pause_at + FACTS_BETWEEN_PAUSES:
                pause_at = facts
                await asyncio.sleep(0)
        self.weigh()
        return finished

    def _apply_turn(self, submission: Submission, turn: list[Batch]) -> int:
        facts = 0
        try:
            for batch in turn:
                facts += len(batch.facts)
                submission.add(self._book.apply(batch, self._clock()))
            if submission.deed is not None and len(turn) < SLICES_PER_TURN:
                submission.deed(self._book, self._clock())
        except Exception as error:
            # The book takes whatever a client can send. If it does not, that is a bug of ours: it
            # costs this submission its acknowledgement, and nobody else anything.
            log.exception("the book could not take a submission of %d bytes", submission.size_bytes)
            self._stats.internal_errors += 1
            submission.error = error
        return facts

    async def _commit(self, finished: list[Submission]) -> bool:
        """Commit what was applied and acknowledge ``finished``. False: given up, on a stop."""
        changes = self._book.drain()

        def failing() -> None:
            self.dismiss(self._committing.unavailable(), *finished)
            finished.clear()
            self._let_look()

        if not changes.empty and not await self._committing.commit(changes, failing):
            return False
        self._dirty = False
        self.recently_settled.extend(changes.settled)
        if not changes.empty:
            self.watchers.tell(changes)
        for submission in finished:
            self._stats.records_accepted += submission.accepted
            self._stats.records_duplicate += submission.duplicates
            self._stats.records_rejected.update(submission.rejected)
            submission.acknowledge()
        self._let_look()
        return True

    def dismiss(self, refusal: Refused, *others: Submission) -> None:
        """Tell everyone in line, and ``others``, to come again."""
        for submission in (*others, *self.line.dismiss()):
            submission.refuse(refusal)
        self.weigh()

    def _let_look(self) -> None:
        looks, self._looks = self._looks, []
        for look in looks:
            look()

    def weigh(self) -> None:
        """Bring the queue's figures up to date."""
        self._stats.queue_submissions = len(self.line)
        self._stats.queue_bytes = self.line.size_bytes

"""One round over a spool directory: look, read, submit, and only then delete.

File work runs on a thread of its own, so that a slow disk never holds the event loop. The steps are
in this order, and each rests on the one before it:

1. look (``watch``): locks, then names, then sizes;
2. read a bounded group, the shortest backlogs first (``turns``), and decode it;
3. submit it: returns when it is committed. If the book cannot take it, the group is kept;
4. delete segments that are read out and have a successor;
5. tell the book of streams that are dead and read to the end, which is committed too;
6. delete what is left of those, the lock file last: it is what tells a later sidecar that the
   stream existed, should this one be killed in between.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

from afterword.names import SPOOL_SEGMENT_SUFFIX
from afterword_sidecar.spool import layout
from afterword_sidecar.spool.complaints import Complaints
from afterword_sidecar.spool.directory import SpoolDirectory
from afterword_sidecar.spool.frontier import Frontier
from afterword_sidecar.spool.group import Group, GroupReader
from afterword_sidecar.spool.locks import descriptors_for_locks
from afterword_sidecar.spool.lost_records import NONE_LOST
from afterword_sidecar.spool.progress import Progress
from afterword_sidecar.spool.settings import SpoolSettings
from afterword_sidecar.spool.stats import SpoolStats
from afterword_sidecar.spool.tail import Segment, StreamTail
from afterword_sidecar.spool.taker import Taker
from afterword_sidecar.spool.telling import Telling
from afterword_sidecar.spool.watch import SpoolWatch

T = TypeVar("T")

ENDS_TOGETHER: Final = 256
"""So many streams' ends are told at once: they share a commit."""

LATE_SECONDS: Final = 0.1
REST_PER_LOOK: Final = 2.0
"""A look that took long is followed by this many times its length without one."""

log = logging.getLogger("afterword_sidecar.spool")


class SpoolPoll:
    """Polls a directory that is held, into a taker."""

    def __init__(
        self,
        directory: SpoolDirectory,
        taker: Taker,
        stats: SpoolStats,
        *,
        refused: type[Exception],
        settings: SpoolSettings,
    ) -> None:
        """``refused``: what ``taker`` raises when it is to be asked again; all else is a bug."""
        self.look_seconds = 0.0
        """How long the last look took."""
        self.stats = stats
        self._directory = directory
        self._taker = taker
        self._refused = refused
        self._settings = settings
        room = settings.descriptors
        self._complaints = Complaints()
        self._watch = SpoolWatch(
            directory,
            self.stats,
            self._complaints,
            descriptors=descriptors_for_locks() if room is None else room,
        )
        self._groups = GroupReader(directory, self.stats, settings)
        self._group: Group | None = None
        self._frontier = Frontier(taker.arrived)
        self._frontier.fall_behind()
        self._telling = Telling(
            directory, taker, self._complaints, every_seconds=settings.alive_seconds
        )
        self._progress = Progress(directory.path)
        self._looked_at = -math.inf
        self._thread = ThreadPoolExecutor(1, "afterword-spool")

    async def poll(self, now: float) -> bool:
        """One round. ``now``: Unix seconds. True if there is more to do at once.

        Raises ``OSError`` or ``SpoolError`` if the directory cannot be read.
        """
        if self._look_is_due(now):
            await self._look(now)
        if self._group is None:
            self._group = await self._aside(self._groups.read, self._watch.tails.values(), now)
            for name, error in self._group.errors:
                self._watch.unreadable(name, error)
        if not await self._submit(self._group):
            return False
        if not await self._tell_of_streams():
            return False
        finished, self._group = self._group.finished, None
        await self._release(finished)
        ended = self.stats.streams_ended
        if not await self._end_streams():
            return False
        # A death seldom comes alone: whoever kills one worker kills the others in these moments.
        return self._is_behind(now) or self.stats.streams_ended > ended

    def _look_is_due(self, now: float) -> bool:
        """Within a backlog, not before every group: looking at thousands of streams takes long."""
        every_seconds = max(self._settings.poll_seconds, REST_PER_LOOK * self.look_seconds)
        return not (
            self._frontier.behind_since is not None
            and not self._watch.unasked
            and 0 <= now - self._looked_at < every_seconds
        )

    def give_up_for_now(self, problem: str) -> None:
        """The directory cannot be read: time must not wait for it."""
        if problem != self.stats.problem:
            log.error("%s", problem)
        self.stats.problem = problem
        self._frontier.let_go()

    async def close(self) -> None:
        """Let go of the directory. What was read and not committed is read again by the next."""
        self._frontier.let_go()
        await self._aside(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        self._watch.close()
        self._directory.close()

    async def _aside(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    async def _look(self, now: float) -> None:
        began = time.perf_counter()
        looking = asyncio.ensure_future(self._aside(self._look_aside, now))
        # A look takes a millisecond. If it takes long, there may be something that nobody can see.
        _, late = await asyncio.wait([looking], timeout=LATE_SECONDS)
        if late:
            self._frontier.fall_behind()
        await looking
        self._looked_at = now
        self.look_seconds = time.perf_counter() - began
        if self.stats.problem:
            log.info("spool directory %s can be read again", self._directory.path)
            self.stats.problem = ""
        self._is_behind(now)

    def _look_aside(self, now: float) -> None:
        if not self._directory.still_there():
            self._directory.retake()
            log.warning("spool directory %s was taken away: made anew", self._directory.path)
        self._watch.look(now)

    async def _submit(self, group: Group) -> bool:
        """Whether all of the group is committed. What is not stays in it."""
        while group.batches:
            together = group.batches[:1] if group.apart else group.batches[:]
            try:
                await self._taker.submit(together, group.size_bytes)
            except self._refused:
                self.stats.refusals += 1
                return False
            except Exception:
                log.exception("the book failed on %d batches from the spool", len(together))
                if len(together) > 1:
                    group.apart = True  # so that the bad one costs itself alone
                    continue
                self.stats.lines_skipped["not_taken"] += len(together[0].facts)
            del group.batches[: len(together)]
        return True

    async def _tell_of_streams(self) -> bool:
        """Tell the book what is to be known of its streams; whether it took it.

        What had no room is told of streams that are read out: what is missing is counted from what
        has come. The dead are asked at once, the living now and then.
        """
        tails = list(self._watch.tails.values())
        if not self._telling.of_the_living(tails, self._looked_at):
            tails = [tail for tail in tails if tail.exhausted]
        read_out = [tail for tail in tails if not tail.ripe]
        try:
            if read_out:
                await self._telling.of_lost(await self._aside(self._telling.look_up_lost, read_out))
            if not self._watch.unasked:
                await self._telling.of_the_gone(self._watch.tails.values())
        except self._refused:
            self.stats.refusals += 1
            return False
        return True

    async def _release(self, finished: list[tuple[StreamTail, Segment]]) -> None:
        """Delete segments that are committed, but keep those of the dead until their end is."""
        names: list[str] = []
        for tail, segment in finished:
            (tail.read_out if tail.fallen else names).append(segment.name)
        if names:
            await self._aside(self._delete, names)

    async def _end_streams(self) -> bool:
        """Whether the book took all the ends it was told of."""
        dead = (tail for tail in self._watch.tails.values() if tail.exhausted)
        ending = list(islice(dead, ENDS_TOGETHER))
        done = await asyncio.gather(*map(self._end, ending))
        names: list[str] = []
        for tail, files in zip(ending, done, strict=True):
            if files is not None:
                self._watch.over(tail)
                names += files
        if names:
            await self._aside(self._delete, names)
        return None not in done

    async def _end(self, tail: StreamTail) -> list[str] | None:
        """What to delete of the stream now that its end is committed; ``None`` if it is not."""
        # Of a process that had nothing to write the book knows nothing.
        if tail.spoke or tail.lost != NONE_LOST:
            try:
                await self._taker.stream_ended(tail.stream, alive_at=tail.alive_at)
            except self._refused:
                self.stats.refusals += 1
                return None
            except Exception:
                log.exception("the book failed on the end of stream %s: its files stay", tail.name)
                return []
            self.stats.streams_ended += 1
        return [*tail.read_out, layout.lock_name(tail.name)]

    def _delete(self, names: list[str]) -> None:
        """Files that are done with, in this order. One that stays is only read again later."""
        for name in names:
            try:
                self._directory.remove(name)
            except OSError as error:
                self._complaints.once(
                    "undeletable",
                    "cannot delete %s in spool directory %s: %s; it is read again after a restart",
                    name,
                    self._directory.path,
                    error.strerror,
                )
            else:
                self.stats.segments_deleted += name.endswith(SPOOL_SEGMENT_SUFFIX)

    def _is_behind(self, now: float) -> bool:
        """Whether anything is left to do of what the last look found; holds time if so."""
        tails = self._watch.tails.values()
        dead = sum(tail.fallen and not tail.blocked for tail in tails)
        self.stats.unread_bytes = sum(tail.unread for tail in tails)
        behind = self._watch.unasked or dead > 0 or any(tail.ripe for tail in tails)
        if behind or self._group is not None:
            self._frontier.fall_behind()
        else:
            self._frontier.catch_up(self._looked_at)
        self.stats.behind_since = self._frontier.behind_since
        self._progress.note(now, unread_bytes=self.stats.unread_bytes, dead=dead)
        return behind

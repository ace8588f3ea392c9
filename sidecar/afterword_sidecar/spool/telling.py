"""What the book is told of streams besides their evidence.

Whose locks are held, what had no room in the spool, and of which streams nothing is left.
"""

import logging
import math
from collections.abc import Iterable
from typing import Final

from afterword_sidecar.spool import lost_records
from afterword_sidecar.spool.complaints import Complaints
from afterword_sidecar.spool.directory import SpoolDirectory
from afterword_sidecar.spool.lost_records import NONE_LOST, LostRecords
from afterword_sidecar.spool.tail import StreamTail
from afterword_sidecar.spool.taker import Taker

log = logging.getLogger("afterword_sidecar.spool")

LookedUp = list[tuple[StreamTail, LostRecords]]


class Telling:
    """Tells now and then; of the gone once, after the first look at everything."""

    def __init__(
        self,
        directory: SpoolDirectory,
        taker: Taker,
        complaints: Complaints,
        *,
        every_seconds: float,
    ) -> None:
        self._directory: Final = directory
        self._taker: Final = taker
        self._complaints: Final = complaints
        self._every_seconds: Final = every_seconds
        self._told_at = -math.inf
        self._told_of_the_gone = False

    def of_the_living(self, tails: Iterable[StreamTail], looked_at: float) -> bool:
        """Tell whose locks were held at the last look, if it is time; whether it was."""
        if 0 <= looked_at - self._told_at < self._every_seconds:
            return False
        self._told_at = looked_at
        self._taker.alive([each.stream for each in tails if each.alive_at >= looked_at])
        return True

    def look_up_lost(self, tails: Iterable[StreamTail]) -> LookedUp:
        """What these streams' lock files say that is news. Blocking."""
        read = lost_records.read
        found = [(tail, read(self._directory, tail.name, dead=tail.settled)) for tail in tails]
        return [(tail, lost) for tail, lost in found if lost is not None and lost != tail.lost]

    async def of_lost(self, found: LookedUp) -> None:
        """Tell of it. Raises what the taker raises."""
        for tail, lost in found:
            await self._taker.records_lost(
                tail.stream, highest=lost.highest, closings=lost.closings
            )
            tail.lost = lost
            if lost != NONE_LOST:
                self._complaints.once(
                    "no room",
                    "the spool had no room for records of stream %s: the last of them is no. %d, "
                    "and %d of them are ends of tasks",
                    tail.name,
                    lost.highest,
                    lost.closings,
                )

    async def of_the_gone(self, tails: Iterable[StreamTail]) -> None:
        """Tell of streams that the book knows, once, and of which nothing is here.

        A directory in memory that went down with its host; or one that somebody emptied. Raises
        what the taker raises.
        """
        if self._told_of_the_gone:
            return
        known = await self._taker.spooled_streams()
        for stream in sorted(known - {each.stream for each in tails}):
            await self._taker.spool_gone(stream)
            log.warning("nothing is left of the spool of stream %s", stream.hex())
        self._told_of_the_gone = True

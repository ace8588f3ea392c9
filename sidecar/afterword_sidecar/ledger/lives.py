"""What becomes of a stream as a whole, and of its open tasks with it: death, silence, gaps."""

from collections import deque
from itertools import chain, islice
from typing import Final

from msgspec.structs import replace

from afterword_sidecar.ledger import verdicts
from afterword_sidecar.ledger.bookkeeping import Bookkeeper
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.registry import Registry
from afterword_sidecar.ledger.streams import Stream
from afterword_sidecar.ledger.transitions import Kind

LOOKS_AT_ONCE: Final = 2500
"""Tasks looked at in one piece: 5 ms, or 25 if all of them are lost, and as much again to commit.
A million may be due together; no client waits."""


class Lives:
    """Streams that died, fell silent, or lost evidence."""

    def __init__(self, limits: Limits, keeper: Bookkeeper, registry: Registry) -> None:
        self._limits = limits
        self._keeper = keeper
        self._registry = registry
        self.dying: dict[bytes, Stream] = {}
        """Dead for certain, with open tasks still to be pronounced."""
        self.suspect: dict[bytes, deque[int]] = {}
        """By stream that said goodbye or fell silent: its open tasks that are still to be judged.

        Nothing that a store must know: a book that is taken up again asks all of them again.
        """

    def end(self, stream: Stream, now: float, *, alive_at: float) -> None:
        """Its lock fell, and all it wrote is booked."""
        registry = self._registry
        registry.touched[stream.source.stream] = stream
        registry.ended += 1
        stream.state = replace(
            stream.state,
            lock_fell_at=now,
            alive_at=alive_at,
            last_heard_at=max(stream.state.last_heard_at, alive_at),
        )
        for opening in list(stream.amendable):
            self._keeper.take(stream, opening, Kind.STREAM_ENDED, None, now)
        self.bury(stream, now)
        registry.count_end(stream, now)
        registry.give_up_holes(stream, now)
        registry.watch(stream, now)

    def bury(self, stream: Stream, now: float) -> None:
        """Pronounce what a dead process left open, a bounded piece at a time."""
        openings = list(islice(chain(stream.open, stream.fresh), LOOKS_AT_ONCE))
        for opening in openings:
            self._keeper.take(stream, opening, Kind.STREAM_ENDED, None, now)
        if stream.open or stream.fresh:
            self.dying[stream.source.stream] = stream
        else:
            self.dying.pop(stream.source.stream, None)

    def lose_spool(self, stream: Stream, now: float) -> None:
        """Its lock and all it wrote are gone: from now on its silence is all there is."""
        if not (stream.state.lock_fell_at or stream.state.spool_gone_at):
            self._registry.touched[stream.source.stream] = stream
            stream.state = replace(stream.state, spool_gone_at=now)
            self._registry.watch(stream, now)

    def lose_records(self, stream: Stream, highest: int, closings: int, now: float) -> None:
        """Its spool had no room for records up to ``highest``, ``closings`` of them of ends."""
        self._registry.touched[stream.source.stream] = stream
        stream.seen.expect(highest)
        stream.state = replace(stream.state, closings_lost=closings)
        self._registry.count_holes(stream, 0, now)

    def look_at(self, stream: Stream, now: float) -> None:
        """The stream's own timer came up: goodbye, lease, holes, retention. Then set the next."""
        registry = self._registry
        stream.armed_at, stream.armed_second = 0.0, 0
        registry.touched[stream.source.stream] = stream
        if registry.to_judge(stream, now):
            self._suspect(stream)
        since = stream.state.hole_since
        if since and now >= since + self._limits.hole_patience_seconds:
            registry.give_up_holes(stream, now)
        self._retire_or_watch(stream, now)

    def judge(self, now: float) -> None:
        """Judge the open tasks of suspect streams, a bounded piece at a time."""
        left = LOOKS_AT_ONCE
        while left and self.suspect:
            stream_id, openings = next(iter(self.suspect.items()))
            stream = self._registry.streams.get(stream_id)
            if stream is not None:  # its tasks may all have ended meanwhile, and it be forgotten
                left -= self._judge(stream, openings, left, now)
                if openings:
                    return
                self._retire_or_watch(stream, now)
            del self.suspect[stream_id]

    def _suspect(self, stream: Stream) -> None:
        """All its open tasks are to be judged; those that wait for it since last time go first."""
        waiting = self.suspect.get(stream.source.stream, ())
        openings = deque(dict.fromkeys(chain(waiting, stream.open, stream.fresh)))
        if openings:
            self.suspect[stream.source.stream] = openings

    def _judge(self, stream: Stream, openings: deque[int], most: int, now: float) -> int:
        """Judge at most so many; returns how many it took."""
        taken = min(most, len(openings))
        for _ in range(taken):
            opening = openings.popleft()
            if opening in stream.open or opening in stream.fresh:  # nothing has ended it meanwhile
                self._keeper.take(stream, opening, Kind.TIME, None, now)
        return taken

    def _retire_or_watch(self, stream: Stream, now: float) -> None:
        if self._registry.is_over(stream, now):
            self._registry.retire(stream, now)
        else:
            stream.rest()
            self._registry.watch(stream, now)

    def recover(self, stream: Stream, now: float) -> None:
        """Numbers that were missing have come: what was blamed on them is judged again."""
        for opening in sorted(stream.held_back):
            self._keeper.take(stream, opening, Kind.TIME, None, now)
        stream.held_back &= stream.open.keys() | stream.fresh.keys()
        blamed = [
            opening
            for opening, settled in stream.amendable.items()
            if settled.verdict.reason == verdicts.EVIDENCE_LOST
        ]
        for opening in blamed:
            self._keeper.take(stream, opening, Kind.RECOVERED, None, now)

"""The streams a book knows: admitted, watched by one timer each, and forgotten after retention."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from msgspec.structs import replace

from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.facts import Source
from afterword_sidecar.ledger.labels import Labels
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.patience import Patience
from afterword_sidecar.ledger.records import StreamState
from afterword_sidecar.ledger.streams import Stream
from afterword_sidecar.ledger.timers import Wheel
from afterword_sidecar.ledger.totals import Totals

WHOLE_STREAM: Final = 0
"""The number of a timer that is about the stream and not about one of its tasks."""
_LOOKED_AT_FOR_ROOM: Final = 16
_LOOK_AGAIN_SECONDS: Final = 60.0


class Registry:
    """All streams, the ids of those forgotten, and how much of what they told is missing."""

    def __init__(
        self, limits: Limits, labels: Labels, counted: Totals, wheel: Wheel[Stream]
    ) -> None:
        self._limits = limits
        self._labels = labels
        self._totals = counted
        self._wheel = wheel
        self.patience = Patience()
        self.streams: dict[bytes, Stream] = {}
        self.retired: dict[bytes, None] = {}
        self.newly_retired: list[bytes] = []
        self.touched: dict[bytes, Stream] = {}
        """Streams whose state a store does not have yet."""
        self.ended = 0
        """How many of them are dead for certain: counted as they die, as there may be very many."""
        self.holes: dict[str, int] = {}
        """Service -> numbers missing and not given up."""

    def admit(self, source: Source, now: float) -> Stream | None:
        """The stream of this source; ``None`` if it was forgotten, or there is no room."""
        stream = self.streams.get(source.stream)
        if stream is not None:
            if not stream.state.first_heard_at and source.service != stream.source.service:
                self._introduce(stream, source)
            if len(self.streams) * 2 > self._limits.streams:
                # Room may have to be made: the least recently heard stand first.
                self.streams[source.stream] = self.streams.pop(source.stream)
            return stream
        if source.stream in self.retired:
            return None
        if len(self.streams) >= self._limits.streams and not self._make_room(now):
            return None
        stream = self.add(StreamState(source.bare, last_heard_at=now))
        self.watch(stream, now)
        return stream

    def add(self, state: StreamState) -> Stream:
        """Take up a stream, new or from a store; it is to be watched once its tasks are there."""
        stream = self.streams[state.source.stream] = Stream(state)
        self.ended += bool(state.lock_fell_at)
        if stream.missing_now:
            service = self._labels.service(state.source.service)
            self.holes[service] = self.holes.get(service, 0) + stream.missing_now
        return stream

    def watch(self, stream: Stream, now: float) -> None:
        """Set the stream's timer to the next moment at which it needs a look."""
        state, limits = stream.state, self._limits
        moments = [state.last_heard_at + stream.idle_for(limits), stream.final_at]
        if state.hole_since:
            moments.append(state.hole_since + limits.hole_patience_seconds)
        if stream.open or stream.fresh:
            hold_until = self.patience.until(state.last_heard_at)
            moments += [max(at, hold_until) for at in self._judgements(stream)]
        # Past its retention it stays for what is open, and is looked at now and then for the end.
        again = _LOOK_AGAIN_SECONDS if stream.open or stream.fresh else 1.0
        at = min((moment for moment in moments if moment > now), default=now + again)
        if not stream.armed_at or at < stream.armed_at:
            self._wheel.discard(stream.armed_second)
            stream.armed_at = at
            stream.armed_second = self._wheel.add(at, stream, WHOLE_STREAM, now)

    def to_judge(self, stream: Stream, now: float) -> bool:
        """Whether its goodbye or its lease makes every open task of the stream suspect."""
        return any(at <= now for at in self._judgements(stream))

    def _judgements(self, stream: Stream) -> list[float]:
        state, grace = stream.state, self._limits.grace_seconds
        suspects = (state.down_at, state.lease_until, state.spool_gone_at)
        return [at + grace for at in suspects if at]

    def is_over(self, stream: Stream, now: float) -> bool:
        """Whether it has been silent for longer than it is remembered.

        What was said of its tasks is to become final first.
        """
        idle_until = stream.state.last_heard_at + stream.idle_for(self._limits)
        if now < idle_until or stream.open or stream.fresh:
            return False
        verdicts = (settled.verdict for settled in stream.amendable.values())
        latest = max((verdict.at for verdict in verdicts if not verdict.final), default=None)
        stream.final_at = 0.0 if latest is None else latest + self._limits.finality_seconds
        return latest is None

    def retire(self, stream: Stream, now: float) -> None:
        """Forget a stream, all but its id."""
        self.give_up_holes(stream, now)
        self._wheel.discard(stream.armed_second)
        stream.armed_second = 0
        stream_id = stream.source.stream
        del self.streams[stream_id]
        self.ended -= bool(stream.state.lock_fell_at)
        self.touched.pop(stream_id, None)
        self.newly_retired.append(stream_id)
        self.retired[stream_id] = None
        while len(self.retired) > self._limits.retired_streams:
            del self.retired[next(iter(self.retired))]

    def count_holes(self, stream: Stream, recovered: int, now: float) -> None:
        """After a batch: what is missing now, what came back, what is too much to remember."""
        if not (recovered or stream.seen.holes or stream.missing_now) or stream.foreign:
            return
        service = self._labels.service(stream.source.service)
        self._totals.add(totals.EVIDENCE_RECOVERED, (service,), now, recovered)
        lost = stream.seen.close_oldest(
            self._limits.hole_ranges_per_stream, stream.state.given_up_below
        )
        self._totals.add(totals.EVIDENCE_LOST, (service,), now, lost)
        self._show_holes(stream, service, now)

    def give_up_holes(self, stream: Stream, now: float) -> None:
        """What is missing by now is lost; it is still welcome if it comes."""
        lost = stream.missing()
        if lost:
            service = self._labels.service(stream.source.service)
            self._totals.add(totals.EVIDENCE_LOST, (service,), now, lost)
            stream.state = replace(stream.state, given_up_below=stream.seen.highest + 1)
            self._show_holes(stream, service, now)

    def count_end(self, stream: Stream, now: float) -> None:
        """Its process is dead: what only its lock file told of is lost for good."""
        service = self._labels.service(stream.source.service)
        if stream.state.closings_lost:
            lost = stream.state.closings_lost
            self._totals.add(totals.CLOSINGS_LOST, (service,), now, lost)
        if stream.untold:
            self._totals.add(totals.STREAMS_UNTOLD, (service,), now, 1)

    def labelled(self, stream_ids: Iterable[bytes]) -> Iterator[tuple[str, Stream]]:
        """Those of these streams that are not forgotten, each with the label of its service."""
        for stream_id in stream_ids:
            stream = self.streams.get(stream_id)
            if stream is not None:
                yield self._labels.service(stream.source.service), stream

    def _introduce(self, stream: Stream, source: Source) -> None:
        """It says whose it is: until now only its lock file had told of it, which does not."""
        missing = stream.missing_now
        for service, more in ((stream.source.service, -missing), (source.service, missing)):
            label = self._labels.service(service)
            self.holes[label] = self.holes.get(label, 0) + more
        stream.source = source.bare
        stream.state = replace(stream.state, source=source.bare)

    def _show_holes(self, stream: Stream, service: str, now: float) -> None:
        if bool(stream.seen.holes) != bool(stream.state.incomplete_since):
            since = now if stream.seen.holes else 0.0
            stream.state = replace(stream.state, incomplete_since=since)
        missing = stream.missing()
        self.holes[service] = self.holes.get(service, 0) + missing - stream.missing_now
        stream.missing_now = missing
        if bool(missing) != bool(stream.state.hole_since):
            stream.state = replace(stream.state, hole_since=now if missing else 0.0)
            if missing:
                self.watch(stream, now)

    def _make_room(self, now: float) -> bool:
        """Forget an idle stream, if one of the first few is idle.

        Busy ones go to the end of the queue: no search is long, and every search gets further.
        """
        for stream in list(islice(self.streams.values(), _LOOKED_AT_FOR_ROOM)):
            if not (stream.open or stream.fresh):
                self.retire(stream, now)
                return True
            self.streams[stream.source.stream] = self.streams.pop(stream.source.stream)
        return False

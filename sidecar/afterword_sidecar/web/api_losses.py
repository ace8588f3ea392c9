"""Losses by kind and window: folded from a store's tallies, and kept for a moment."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec.structs import replace

from afterword_sidecar.service import Service
from afterword_sidecar.service.history import CANCELLED_ITSELF, MINUTE_SECONDS
from afterword_sidecar.stores.contract import DeadLetterQuery, LossCount
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_views import moment

WINDOWS: Final = {"1h": 3_600, "3h": 10_800, "24h": 86_400, "3d": 259_200, "7d": 604_800}
"""Seconds by name; the longest bounds what is counted."""
COUNTED_AT_MOST: Final = 500_000
"""Letters looked at: half a second of the store's time, in short pieces."""
KINDS_LISTED: Final = 200
KEPT_SECONDS: Final = 2.0
"""However many watch, a filter is counted once in this time."""
KEPT: Final = 16
_HOUR: Final = 3_600
_HOURS: Final = 168

_Kind = tuple[str, str, str, str, str]


def window_began(name: str, now: float) -> int:
    """Where a window begins, Unix seconds: at a full minute, so that counts and lists agree."""
    return int((now - WINDOWS[name]) // MINUTE_SECONDS) * MINUTE_SECONDS


class Fold:
    """Adds tallies up. Pure."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._begins = [window_began(name, now) for name in WINDOWS]
        self._kinds: dict[_Kind, list[int]] = {}
        self._hours: dict[int, Counter[str]] = defaultdict(Counter)
        self._oldest: int | None = None

    def add(self, counts: Iterable[LossCount]) -> None:
        """Counts in slots of a minute."""
        for one in counts:
            at = one.slot * MINUTE_SECONDS
            kind = (one.error, one.service, one.task, one.outcome, one.reason)
            sums = self._kinds.setdefault(kind, [0] * len(WINDOWS))
            for window, begins in enumerate(self._begins):
                if at >= begins:
                    sums[window] += one.count
            self._hours[at // _HOUR][one.outcome] += one.count
            self._oldest = at if self._oldest is None else min(at, self._oldest)

    def losses(self, *, complete: bool) -> shapes.Losses:
        """All that was added."""
        ranked = sorted(self._kinds.items(), key=lambda each: each[1], reverse=True)
        by_outcome: Counter[str] = Counter()
        for (*_, outcome, _), counts in ranked:
            by_outcome[outcome] += counts[-1]
        sums = [sum(counts[at] for _, counts in ranked) for at in range(len(WINDOWS))]
        itself = [counts for kind, counts in ranked if kind[-2:] == CANCELLED_ITSELF]
        return shapes.Losses(
            at=moment(self._now),
            kinds=[_kind(kind, counts) for kind, counts in ranked[:KINDS_LISTED]],
            kinds_in_all=len(ranked),
            in_all=shapes.LossWindows(*sums),
            by_outcome=dict(by_outcome),
            hours=self._last_hours(),
            complete=complete,
            kept_since=None if self._oldest is None else moment(self._oldest),
            cancelled_by_application=shapes.LossWindows(
                *(sum(counts[at] for counts in itself) for at in range(len(WINDOWS)))
            ),
        )

    def _last_hours(self) -> list[shapes.LossHour]:
        newest = int(self._now // _HOUR)
        hours = range(newest - _HOURS + 1, newest + 1)
        return [
            shapes.LossHour(moment(hour * _HOUR), dict(self._hours.get(hour, {}))) for hour in hours
        ]


def _kind(kind: _Kind, counts: list[int]) -> shapes.LossKind:
    error, service, task, outcome, reason = kind
    return shapes.LossKind(
        error=error or None,
        service=service,
        task=task,
        outcome=outcome,  # type: ignore[arg-type] # one of names.OUTCOMES, by construction
        reason=reason,
        counts=shapes.LossWindows(*counts),
    )


class LossCounts:
    """Counts the losses under a filter, one filter at a time."""

    def __init__(self, service: Service, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic, seconds."""
        self._service = service
        self._clock = clock
        self._counting = asyncio.Lock()
        self._kept: dict[DeadLetterQuery, tuple[float, shapes.Losses]] = {}

    async def of(self, filters: dict[str, Any]) -> shapes.Losses:
        """Under ``filters`` (fields of ``DeadLetterQuery``) as of now. Raises ``StoreError``."""
        query = DeadLetterQuery(**filters)
        async with self._counting:
            counted_at, losses = self._kept.get(query, (float("-inf"), None))
            if losses is None or self._clock() - counted_at >= KEPT_SECONDS:
                losses = await self._count(query)
                self._kept.pop(query, None)
                self._kept[query] = (self._clock(), losses)
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
            return losses

    async def _count(self, query: DeadLetterQuery) -> shapes.Losses:
        now = self._service.now()
        fold, examined, cursor = Fold(now), 0, ""
        week = replace(query, since=float(window_began("7d", now)))
        async for tally in self._service.tally(week, MINUTE_SECONDS, most=COUNTED_AT_MOST):
            await asyncio.to_thread(fold.add, tally.counts)
            examined, cursor = examined + tally.examined, tally.next_cursor
        return await asyncio.to_thread(fold.losses, complete=not cursor)

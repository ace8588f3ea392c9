"""A process's clock beside the sidecar's, as its batches show it. Read anew from the semantics."""

from collections.abc import Sequence
from typing import Final

from afterword_sidecar.journal import shapes

_LEAP_SECONDS: Final = 5.0
"""A clock that moves by more was set."""
_LEAPS: Final = 4
_CANDIDATES: Final = 32
_SAME_SECONDS: Final = 0.5
_TOGETHER_SECONDS: Final = 1.0
_LASTING_SECONDS: Final = 5.0
_LASTING_TIMES: Final = 3
"""An offset that is shown for so long, so often, is one, and no delay."""


class Clock:
    """The least offset of late, and those in force before the clock was set."""

    def __init__(self) -> None:
        self._offsets: list[tuple[float, float]] = []
        """(received at, offset): the latest, and before it only what was less."""
        self._before: list[float] = []
        """The latest last."""
        self._newest_at = 0.0
        """Its newest time since it was set back last, of what was not overtaken."""
        self._shown = 0.0, 0.0
        """When the offset was shown first and last, by receipt."""
        self._times = 0
        """How often, those that came together once."""

    def agrees(self) -> None:
        """It is the sidecar's own."""
        self._offsets = []

    @property
    def offset(self) -> float:
        """The least of what was seen lately."""
        return self._offsets[0][1] if self._offsets else 0.0

    def show(
        self,
        received_at: float,
        facts: list[shapes.Fact],
        highest: int | None,
        limits: dict[str, float],
    ) -> None:
        """A batch has come. ``highest``: of the numbers before it; ``None`` if none is an order."""
        told = [fact for fact in facts if not isinstance(fact, shapes.Rollup)]
        told.sort(key=lambda fact: fact.sequence)
        if not told:
            return
        run, old_time = self._latest_run(told, highest)
        newest = max(fact.at for fact in run)
        ahead = highest is not None and told[-1].sequence > highest
        if not ahead and 0 < self._newest_at < newest - _LEAP_SECONDS:
            return  # what the clock showed before it was set back
        offset, was = received_at - newest, self.offset
        if old_time is not None:
            then = received_at - old_time
            self._leap(min(was, then) if self._offsets else then)
            self._offsets, self._newest_at = [], newest
        else:
            if was - offset > _LEAP_SECONDS and self._lasted(received_at, was - offset, limits):
                self._leap(was)
            if ahead:
                self._newest_at = max(self._newest_at, newest)
        self._note(received_at, offset, limits["offset_window_seconds"])

    def _latest_run(
        self, told: Sequence[shapes.Fact], highest: int | None
    ) -> tuple[Sequence[shapes.Fact], float | None]:
        """What was told since the clock was set back last, and its newest time before that.

        ``told`` is in the order of numbers; ``None`` where it was not set back.
        """
        newest, old_time, begin = self._newest_at, None, 0
        for place, fact in enumerate(told):
            is_later = highest is not None and fact.sequence > highest
            if is_later and newest - fact.at > _LEAP_SECONDS:
                old_time, newest, begin = newest, fact.at, place
            newest = max(newest, fact.at)
        return told[begin:], old_time

    def _lasted(self, received_at: float, fall: float, limits: dict[str, float]) -> bool:
        """Whether what was in force was an offset: shown for long, or too much for a delay.

        Or it is the sidecar's clock that was set, back.
        """
        first, last = self._shown
        set_back = bool(self._offsets) and self._offsets[-1][0] - received_at > _LEAP_SECONDS
        too_much = fall > limits["stream_retention_seconds"]
        lasting = last - first >= _LASTING_SECONDS and self._times >= _LASTING_TIMES
        return bool(self._offsets) and (lasting or too_much or set_back)

    def _leap(self, offset_before: float) -> None:
        self._before = [*self._before, offset_before][-_LEAPS:]

    def _note(self, received_at: float, offset: float, window_seconds: float) -> None:
        was_known, was = bool(self._offsets), self.offset
        less = [
            each
            for each in self._offsets
            if each[1] < offset and each[0] >= received_at - window_seconds
        ]
        self._offsets = [*less, (received_at, offset)]
        begun_at, least = self._offsets[0]
        if not was_known or abs(least - was) > _SAME_SECONDS:
            self._shown, self._times = (begun_at, begun_at), 1
        elif offset <= least + _SAME_SECONDS and received_at >= self._shown[1] + _TOGETHER_SECONDS:
            self._shown, self._times = (self._shown[0], received_at), self._times + 1

    def offsets_for(self, took_seconds: float) -> list[float]:
        """By which a deadline may be read, the likeliest first: that of the clock that gave it.

        More than one, as a sidecar keeps few candidates for the least. ``took_seconds``: from the
        opening, by its clock, to its arrival, by the sidecar's; nothing arrives before it is sent.
        """
        found: list[float] = []
        for offset in [each for _, each in self._offsets[:_CANDIDATES]] or [0.0]:
            known = sorted((offset, *self._before), reverse=True) if self._before else [offset]
            possible = (each for each in known if each <= took_seconds + _LEAP_SECONDS)
            chosen = next(possible, known[-1])
            if chosen not in found:
                found.append(chosen)
        return found

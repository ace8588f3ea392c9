"""How far a stream's clock is from the sidecar's: the least of what its batches show. Pure.

A batch shows (received - newest event time), which is the clocks' offset and the batch's delay. A
delay is never negative and may be of any length: no batch shows less than the offset, and the least
of ten minutes is it, nearly. From this follows what can be told of a clock that was set:

- Back: a record with a later number has an earlier time. That is certain; delays do not enter.
- Forward: an offset far below the least. That may as well be the end of a delay, if what came
  before was late: an application that started while the sidecar was away brings its first batch
  late, and the next in time. Only if the least is no delay was the clock set: batches showed the
  same again and again over a while, as delays do not (who is late by a minute, and then twice by
  the same minute, was set off by a minute; twice in all is chance: who tries again every 5 s is
  often late by as much); or the fall is greater than any delay; or it was the sidecar's clock that
  was set, back, which shows by itself.

Where this cannot be told apart, the end of a delay is assumed. If it was one, deadlines are read
rightly from now on; to read them by the delay would be late, and for good: a process that dies
meanwhile makes of ``timed_out`` an ``instance_lost`` that nothing corrects. If it was a clock that
was set, within moments of its process's first word, a deadline given before is read too early:
verdicts of that kind are inferred, and amended when the task ends. Late batches are of every day.

What was in force before a clock was set is kept: a deadline that it gave is to be read by it.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from msgspec.structs import replace

from afterword_sidecar.ledger.facts import Fact, Rollup
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import OpenTask, StreamState

_OFFSETS_KEPT: Final = 16
_STEPS_KEPT: Final = 4
STEP_SECONDS: Final = 5.0
"""A clock that moves by less was not set, but disciplined; nobody's deadline hangs on it."""
_ALIKE_SECONDS: Final = 0.5
"""Offsets that differ by no more are the same: batches wait for 0.2 s, and a network takes some."""
_APART_SECONDS: Final = 1.0
"""Batches that waited arrive together: within so long they show an offset once."""
_SURE_SECONDS: Final = 5.0
_SURE_SHOWINGS: Final = 3
"""What was shown for so long, so often, is no delay."""

_number_of = attrgetter("sequence")


class Shown(NamedTuple):
    """What a batch shows of its stream's clock."""

    newest_at: float
    """Its newest time, by the clock as it is set at the batch's end."""
    ahead: bool
    """It has a record with a greater number than any before."""
    back_from: float | None = None
    """The newest time before the clock was set back, if it was."""


def shown_by(facts: Sequence[Fact], newest_at: float, highest: int) -> Shown | None:
    """Read a batch, in the order of its numbers; ``None`` if it shows nothing.

    ``newest_at`` is the newest time and ``highest`` the greatest number before it. A rollup shows
    nothing: its time is that of the last of many tasks, its number that of any of them.
    """
    if Rollup in map(type, facts):
        facts = [fact for fact in facts if type(fact) is not Rollup]
    if not facts:
        return None
    newest = oldest = facts[0].at
    for fact in facts:  # each fact passes here: a plain loop costs a third of any other way
        at = fact.at
        if at > newest:
            newest = at
        elif at < oldest:
            oldest = at
    if max(newest, newest_at) - oldest <= STEP_SECONDS:  # nearly always: no order matters
        ahead = facts[-1].sequence > highest or max(map(_number_of, facts)) > highest
        return Shown(newest, ahead)
    told = sorted(facts, key=_number_of)
    newest, peak, back_from = told[0].at, newest_at, None
    for fact in told:
        if fact.sequence > highest and peak - fact.at > STEP_SECONDS:
            back_from, newest, peak = peak, fact.at, fact.at
        newest, peak = max(newest, fact.at), max(peak, fact.at)
    return Shown(newest, told[-1].sequence > highest, back_from)


def after(state: StreamState, received_at: float, shown: Shown, limits: Limits) -> StreamState:
    """The state once a batch has shown this."""
    if not shown.ahead and 0 < state.newest_at < shown.newest_at - STEP_SECONDS:
        return state  # overtaken on its way by a clock that was set back: it shows the one before
    offset = received_at - shown.newest_at
    known, steps = state.offset_window, state.clock_steps
    before: float | None = None
    if shown.back_from is not None:
        before = received_at - shown.back_from
        before = min(before, state.offset_seconds) if known else before
        known = ()
    elif known and offset < state.offset_seconds - STEP_SECONDS:
        before = state.offset_seconds if _no_delay(state, received_at, offset, limits) else None
    if before is not None:
        steps = (*steps, (received_at, before))[-_STEPS_KEPT:]
    window = _least_first(known, received_at, offset, limits)
    offset_shown, showings = _shown(state, known, window)
    return replace(
        state,
        offset_window=window,
        offset_seconds=window[0][1],
        offset_shown=offset_shown,
        offset_showings=showings,
        clock_steps=steps,
        newest_at=_newest(state, shown),
    )


def late_since(before: StreamState, state: StreamState) -> float | None:
    """Since when a delay was taken for the offset, if the state after a batch shows it."""
    fell = before.offset_seconds - state.offset_seconds > STEP_SECONDS
    if not (fell and before.offset_window) or state.clock_steps != before.clock_steps:
        return None
    return before.offset_shown[0]


def offset_for(state: StreamState, task: OpenTask) -> float:
    """The offset by which the task's deadline is to be read: that of the clock that gave it.

    Where the clock was set meanwhile, its opening tells. That came with an offset and a delay, so
    no clock gave it whose offset is greater; of the others, the one with the least delay.
    """
    if not state.clock_steps:
        return state.offset_seconds
    most = task.received_at - task.scheduled_at + STEP_SECONDS
    known = (state.offset_seconds, *(before for _, before in state.clock_steps))
    return max((offset for offset in known if offset <= most), default=min(known))


def _no_delay(state: StreamState, received_at: float, offset: float, limits: Limits) -> bool:
    """Whether the offset in force, far above this one, is a clock's for certain."""
    first, last = state.offset_shown
    return (
        (last - first >= _SURE_SECONDS and state.offset_showings >= _SURE_SHOWINGS)
        or state.offset_seconds - offset > limits.stream_retention_seconds
        or state.offset_window[-1][0] - received_at > STEP_SECONDS
    )


def _shown(
    state: StreamState,
    known: tuple[tuple[float, float], ...],
    window: tuple[tuple[float, float], ...],
) -> tuple[tuple[float, float], int]:
    """When the offset in force was shown first and last, and how often: anew if it is another."""
    since, least = window[0]
    if not known or abs(least - state.offset_seconds) > _ALIKE_SECONDS:
        return (since, since), 1
    (first, last), (received_at, offset) = state.offset_shown, window[-1]
    if offset - least > _ALIKE_SECONDS or received_at - last < _APART_SECONDS:
        return state.offset_shown, state.offset_showings
    return (first, received_at), state.offset_showings + 1


def _newest(state: StreamState, shown: Shown) -> float:
    """The newest time of the clock as it is set now, of what was not overtaken."""
    if not shown.ahead:
        return state.newest_at
    if shown.back_from is not None:
        return shown.newest_at
    return max(state.newest_at, shown.newest_at)


def _least_first(
    window: tuple[tuple[float, float], ...], received_at: float, offset: float, limits: Limits
) -> tuple[tuple[float, float], ...]:
    """The sliding window's candidates for the least offset, the least of all first.

    Of the rest the newest are kept: losing one of those only makes the estimate more patient.
    """
    oldest = received_at - limits.offset_window_seconds
    smaller = [entry for entry in window if entry[1] < offset and entry[0] >= oldest]
    return (*smaller[:1], *smaller[1:][-_OFFSETS_KEPT:], (received_at, offset))

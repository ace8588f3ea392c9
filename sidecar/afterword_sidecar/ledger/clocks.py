"""How far a stream's clock is from the sidecar's: the least of what its batches show. Pure.

(received - newest event time) is the offset and the time on the way; the least of ten minutes is
the offset, nearly. A clock that is set anew shows: forward, as an offset far below the least; back,
as a later record with an earlier time. What was in force before is kept, as a deadline that was
given by the old clock is to be read by it.
"""

from typing import Final

from msgspec.structs import replace

from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import OpenTask, StreamState

_OFFSETS_KEPT: Final = 16
_STEPS_KEPT: Final = 4
_STEP_SECONDS: Final = 5.0
"""A clock that moves by less was not set, but disciplined; nobody's deadline hangs on it."""


def after(
    state: StreamState, received_at: float, newest_at: float, limits: Limits, *, ahead: bool
) -> StreamState:
    """The state once a batch has shown an offset.

    ``newest_at`` is the time of its last record; ``ahead`` says that this record has a greater
    number than any before.
    """
    offset = received_at - newest_at
    window = state.offset_window
    back = ahead and state.newest_at - newest_at > _STEP_SECONDS and bool(window)
    forward = bool(window) and offset < state.offset_seconds - _STEP_SECONDS
    steps = state.clock_steps
    if back or forward:
        steps = (*steps, (received_at, state.offset_seconds))[-_STEPS_KEPT:]
    if back:
        window = ()
    window = _least_first(window, received_at, offset, limits)
    return replace(
        state,
        offset_window=window,
        offset_seconds=window[0][1],
        clock_steps=steps,
        newest_at=newest_at if ahead else state.newest_at,
    )


def offset_for(state: StreamState, task: OpenTask) -> float:
    """The offset by which the task's deadline is to be read: that of the clock that gave it.

    Where the clock was set meanwhile, its opening tells: the time it took to arrive is small.
    """
    if not state.clock_steps:
        return state.offset_seconds
    own = task.received_at - task.scheduled_at
    known = (state.offset_seconds, *(before for _, before in state.clock_steps))
    return min(known, key=lambda offset: abs(own - offset))


def _least_first(
    window: tuple[tuple[float, float], ...], received_at: float, offset: float, limits: Limits
) -> tuple[tuple[float, float], ...]:
    """The sliding window's candidates for the least offset, the least of all first.

    Of the rest the newest are kept: losing one of those only makes the estimate more patient.
    """
    oldest = received_at - limits.offset_window_seconds
    smaller = [entry for entry in window if entry[1] < offset and entry[0] >= oldest]
    return (*smaller[:1], *smaller[1:][-_OFFSETS_KEPT:], (received_at, offset))

"""How a task ended, from what its awaitable did: rows 1 to 4, 7 and 11 of the outcome table. Pure.

``SystemExit`` and ``KeyboardInterrupt`` raised by the work itself are its failure, with the class
as ``error.type``: the work chose them. The siblings that the stopping process then cancels are
``dropped`` / ``shutdown``: they chose nothing.
"""

from asyncio import CancelledError
from types import FrameType
from typing import Final, NamedTuple

from afterword import names


class Ending(NamedTuple):
    """An outcome and its reason, as ``names.REASONS`` pairs them."""

    outcome: str
    reason: str


COMPLETED: Final = Ending(names.COMPLETED, "completed")
TIMED_OUT: Final = Ending(names.TIMED_OUT, "timeout")
TIMEOUT_RAISED: Final = Ending(names.TIMED_OUT, "raised")
FAILED: Final = Ending(names.FAILED, "exception")
CANCELLED: Final = Ending(names.CANCELLED, "cancelled")
DISCONNECTED: Final = Ending(names.CANCELLED, "disconnected")
NO_CONTEXT: Final = Ending(names.DROPPED, "no_context")
REFUSED: Final = Ending(names.DROPPED, "refused")
SKIPPED: Final = Ending(names.DROPPED, "skipped")
ABANDONED: Final = Ending(names.DROPPED, "abandoned")
SHUTDOWN: Final = Ending(names.DROPPED, "shutdown")


CUT_OFF: Final = (CancelledError, GeneratorExit)
"""What escapes from work that somebody else ended."""


_LONGEST_CHAIN: Final = 1000
"""So many exceptions before a cancellation are looked at."""


def ending_of(
    error: BaseException | None,
    *,
    timeout_expired: bool,
    stopping: bool,
    disconnected: bool = False,
) -> Ending:
    """The first row of the outcome table that matches.

    Args:
        error: What escaped from the awaitable; ``None`` if it returned. ``GeneratorExit`` says that
            it was closed or garbage-collected while suspended.
        timeout_expired: The caller's ``timeout=`` ran out and cancelled it.
        stopping: The process was stopping when it ended.
        disconnected: The client that its request came from had gone away before it ended.
    """
    if error is None:
        return COMPLETED
    if isinstance(error, CUT_OFF):
        if timeout_expired:
            return TIMED_OUT
        if stopping:
            return SHUTDOWN
        by_somebody = DISCONNECTED if disconnected else CANCELLED
        return by_somebody if isinstance(error, CancelledError) else ABANDONED
    if isinstance(error, TimeoutError):
        return TIMED_OUT if timeout_expired else TIMEOUT_RAISED
    return FAILED


def is_stopping(error: BaseException | None, frame: FrameType | None) -> bool:
    """Whether a cancellation comes from a process that is about to end.

    Two signs: the cancellation was raised while ``SystemExit`` or ``KeyboardInterrupt`` was on its
    way, or an asyncio runner is cancelling all that is left (``_cancel_all_tasks`` is what asyncio,
    and the servers that copied it, call that function).

    Args:
        error: The cancellation.
        frame: The innermost frame of the thread it happens on.
    """
    for _ in range(_LONGEST_CHAIN):  # whoever sets __context__ may make a circle of it
        if error is None:
            break
        if isinstance(error, SystemExit | KeyboardInterrupt):
            return True
        error = error.__context__
    while frame is not None:
        if frame.f_code.co_name == "_cancel_all_tasks":
            return True
        frame = frame.f_back
    return False

"""What is told of a task that did not complete: redacted, bounded, and never at the task's cost."""

import traceback
from types import TracebackType
from typing import Final

from afterword import endings
from afterword.endings import Ending
from afterword.evidence import Failure
from afterword.redaction import redactor_of
from afterword.settings import Settings
from afterword.suspension import NOT_STARTED, awaiting_when_raised

MESSAGE_CHARACTERS: Final = 4096
STACKTRACE_CHARACTERS: Final = 16384
_FRAMES: Final = 64
_OUR_FILES: Final = __file__.removesuffix("failures.py")

_SUSPENDED: Final = frozenset(
    (endings.TIMED_OUT, endings.CANCELLED, endings.DISCONNECTED, endings.SHUTDOWN)
)


def describe(
    error: BaseException | None, ending: Ending, settings: Settings, *, started: bool = True
) -> Failure:
    """What evidence and span say of the failure.

    A cancellation (the caller's time-out is one) is told by where the task was suspended, or that
    it had not ``started``; any other exception by its class, message and stack, which begins with
    the task's own first frame.
    """
    if ending in _SUSPENDED and not started:
        return Failure(awaiting=NOT_STARTED)
    if error is None:
        return Failure()
    if ending in _SUSPENDED:
        where = awaiting_when_raised(_cancellation_of(error).__traceback__)
        return Failure("TimeoutError" if ending is endings.TIMED_OUT else "", awaiting=where)
    if isinstance(error, GeneratorExit):
        return Failure(awaiting=awaiting_when_raised(error.__traceback__))
    redactor = redactor_of(settings)
    name = class_name(type(error))
    return Failure(
        name,
        name,
        redactor.text("exception.message", _message(error)),
        redactor.text("exception.stacktrace", _stacktrace(error)),
        awaiting_when_raised(error.__traceback__) if isinstance(error, TimeoutError) else "",
    )


def class_name(kind: type) -> str:
    """``ValueError``, ``shop.errors.PaymentDeclined``: bounded by what the program defines."""
    if kind.__module__ in {"builtins", "__main__"}:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _cancellation_of(error: BaseException) -> BaseException:
    """``asyncio.timeout`` raises its error from the cancellation, which knows where that was."""
    cause = error.__cause__
    return cause if isinstance(error, TimeoutError) and cause is not None else error


def _message(error: BaseException) -> str:
    try:
        message = str(error)
    except Exception as failure:  # noqa: BLE001 - the application's __str__ may raise anything
        return f"<its message could not be had: {class_name(type(failure))}>"
    return bounded(message, MESSAGE_CHARACTERS)


def _stacktrace(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(
            type(error), error, _own_frames(error.__traceback__), limit=-_FRAMES
        )
    except Exception as failure:  # noqa: BLE001 - the application's __str__ may raise anything
        return f"<its stack could not be had: {class_name(type(failure))}>"
    stack = "".join(lines)
    if len(stack) <= STACKTRACE_CHARACTERS:
        return stack
    return (
        f"… {len(stack) - STACKTRACE_CHARACTERS} characters left out …\n"
        + (stack[-STACKTRACE_CHARACTERS:])
    )


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without our wrapper's frames at its start."""
    while (
        trace is not None
        and trace.tb_next is not None
        and trace.tb_frame.f_code.co_filename.startswith(_OUR_FILES)
    ):
        trace = trace.tb_next
    return trace


def bounded(text: str, characters: int) -> str:
    """The text, cut after so many characters, saying that it was."""
    if len(text) <= characters:
        return text
    return f"{text[:characters]} … {len(text) - characters} characters left out"

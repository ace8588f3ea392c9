"""Where a coroutine is suspended, in one line: ``asyncio.sleep at shop/receipts.py:42 in send``.

Two ways to find out: a task that has not ended is walked through what it awaits; one that was
cancelled no longer has frames, but the traceback of its cancellation still names them.
"""

import asyncio
import gc
import sys
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    GeneratorType,
    TracebackType,
)
from typing import Any, Final

_DEEPEST: Final = 1000
_OUR_FILE_PREFIX: Final = __file__.removesuffix("suspension.py")


def awaiting(awaitable: object) -> str:
    """What a suspended awaitable waits for, and where; empty if it is not suspended anywhere."""
    frames, innermost = _suspended_frames(awaitable)
    return _describe(frames, _type_name(innermost) if innermost is not None else "")


def awaiting_when_raised(traceback: TracebackType | None) -> str:
    """What a cancelled awaitable was waiting for, from its cancellation's traceback."""
    frames: list[tuple[FrameType, int]] = []
    while traceback is not None and len(frames) < _DEEPEST:
        frames.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return _describe(frames, "")


def _suspended_frames(awaitable: object) -> tuple[list[tuple[FrameType, int]], object]:
    """The frames from the outermost to the innermost, and what the innermost awaits."""
    frames: list[tuple[FrameType, int]] = []
    current: Any = awaitable
    for _ in range(_DEEPEST):
        if isinstance(current, CoroutineType):
            frame, following = current.cr_frame, current.cr_await
        elif isinstance(current, GeneratorType):
            frame, following = current.gi_frame, current.gi_yieldfrom
        elif isinstance(current, AsyncGeneratorType):
            frame, following = current.ag_frame, current.ag_await
        else:
            behind = _behind(current)
            if behind is None:
                break
            current = behind
            continue
        if frame is None or following is None:
            return frames, None
        frames.append((frame, frame.f_lineno))
        current = following
    return frames, current


_OPAQUE: Final = frozenset(
    {"FutureIter", "coroutine_wrapper", "async_generator_asend", "async_generator_athrow"}
)


def _behind(awaited: object) -> object:
    """What an iterator of the interpreter's stands for; ``None`` if it is no such iterator.

    They tell nobody what they iterate over, except the garbage collector. A task that is awaited
    is looked into: its frames are where the wait really is.
    """
    if isinstance(awaited, asyncio.Task):
        return awaited.get_coro()
    if type(awaited).__name__ not in _OPAQUE:
        return None
    for candidate in gc.get_referents(awaited):
        if isinstance(candidate, CoroutineType | AsyncGeneratorType) or asyncio.isfuture(candidate):
            return candidate
    return None


def _describe(frames: list[tuple[FrameType, int]], innermost: str) -> str:
    """The innermost frame of the application, and what it had called."""
    called = innermost
    for frame, line in reversed(frames):
        code = frame.f_code
        module = str(frame.f_globals.get("__name__", ""))
        if code.co_filename.startswith(_OUR_FILE_PREFIX):
            break
        if module.partition(".")[0] not in sys.stdlib_module_names or module == "__main__":
            what = f"{called} at " if called else ""
            return f"{what}{_short_path(code)}:{line} in {code.co_qualname}"
        called = f"{module.partition('.')[0]}.{code.co_qualname}"
    return called


def _short_path(code: CodeType) -> str:
    """The file relative to the import path it was found on: the same on every machine."""
    filename = code.co_filename
    roots = [root.rstrip("/") + "/" for root in sys.path if root]
    longest = max((root for root in roots if filename.startswith(root)), key=len, default="")
    return filename.removeprefix(longest)


def _type_name(value: object) -> str:
    kind = type(value)
    module = kind.__module__.removeprefix("_").partition(".")[0]
    name = kind.__qualname__.removeprefix("_")
    return name if module == "builtins" else f"{module}.{name}"

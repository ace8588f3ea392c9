"""Where a coroutine is suspended, in one line: ``httpx.Client.get at shop/receipts.py:42 in send``.

That is the innermost frame of the application's own code, and what it had called. Two ways to find
out: a task that has not ended is walked through what it awaits; one that was cancelled no longer
has frames, but the traceback of its cancellation still names them.
"""

import sys
from types import CodeType, TracebackType
from typing import Final

from afterword.suspended_frames import Place, places
from afterword.thread_frames import DEEPEST, Frames

NOT_STARTED: Final = "not started"
"""In the place of a frame: it was cut off before it began."""

MOST_SHOWN: Final = 3
"""Of the places of one task that waits for several things at once."""

_OUR_FILE_PREFIX: Final = __file__.removesuffix("suspension.py")
_OTHERS_DIRECTORIES: Final = ("/site-packages/", "/dist-packages/", "/_vendor/")
_CHARACTERS: Final = 1000


def awaiting(awaitable: object) -> str:
    """What a suspended awaitable waits for, and where; empty if it is over."""
    told = list(dict.fromkeys(filter(None, map(_describe, places(awaitable)))))
    more = f"; and {len(told) - MOST_SHOWN} more" if len(told) > MOST_SHOWN else ""
    return "; ".join(told[:MOST_SHOWN])[:_CHARACTERS] + more


def awaiting_when_raised(traceback: TracebackType | None) -> str:
    """What a cancelled awaitable was waiting for, from its cancellation's traceback."""
    frames: Frames = []
    while traceback is not None and len(frames) < DEEPEST:
        frames.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return _describe(Place(frames))


def _describe(place: Place) -> str:
    """The innermost frame of the application, else of a library, and what it had called."""
    called, in_library = place.awaited, ""
    for frame, line in reversed(place.frames):
        code = frame.f_code
        if code.co_filename.startswith(_OUR_FILE_PREFIX):
            continue
        module = str(frame.f_globals.get("__name__", ""))
        where = f"{_short_path(code)}:{line} in {code.co_qualname}"
        told = _told(called, where, is_running=place.is_running)
        if _is_own(module, code):
            return told
        in_library = in_library or (told if not _is_standard(module) else "")
        if not place.in_thread:
            called = f"{module.partition('.')[0]}.{code.co_qualname}"
    return in_library or _told(called, "", is_running=place.is_running)


def _told(called: str, where: str, *, is_running: bool) -> str:
    what = f"running {called}".rstrip() if is_running else called
    return f"{what} at {where}" if what and where else what or where


def _is_standard(module: str) -> bool:
    return module != "__main__" and module.partition(".")[0] in sys.stdlib_module_names


def _is_own(module: str, code: CodeType) -> bool:
    """Whether it is the application's, and neither Python's nor a library's."""
    return not _is_standard(module) and not any(
        directory in code.co_filename for directory in _OTHERS_DIRECTORIES
    )


def _short_path(code: CodeType) -> str:
    """The file relative to the import path it was found on: the same on every machine."""
    filename = code.co_filename
    roots = [root.rstrip("/") + "/" for root in sys.path if root]
    longest = max((root for root in roots if filename.startswith(root)), key=len, default="")
    return filename.removeprefix(longest)

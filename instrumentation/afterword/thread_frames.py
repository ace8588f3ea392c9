"""Frames of threads: of a task that is running at this moment, and of work handed to a thread.

Read from another thread while they run. That is safe, each step by itself: a frame that has moved
on meanwhile gives an older or a newer line, or nothing.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextvars import Context
from threading import Thread
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

DEEPEST: Final = 1000

Frames = list[tuple[FrameType, int]]
"""Frames with their lines, from the outermost to the innermost."""


class Work(NamedTuple):
    """A function that a thread of a pool runs."""

    name: str
    frames: Frames


def frames_from(frame: FrameType) -> Frames:
    """What the thread that runs ``frame`` is doing in it; empty if none does any more."""
    for stack in _stacks():
        for depth, (found, _) in enumerate(stack):
            if found is frame:
                return stack[depth::-1]
    return []


def work_of(future: "Future[Any]") -> Work | None:
    """What a ``ThreadPoolExecutor`` runs for this future; ``None`` if no thread has it now."""
    entry = _code_in_pool()
    for stack in _stacks():
        for depth, (frame, _) in enumerate(stack):
            if frame.f_code is not entry:
                continue
            item = frame.f_locals.get("self")
            if getattr(item, "future", None) is future:
                function = getattr(item, "fn", None) or next(iter(getattr(item, "task", ())), None)
                return Work(name_of(function), stack[depth - 1 :: -1] if depth else [])
    return None


def work_in(thread: Thread, function: object) -> Work:
    """What this thread, which was given ``function`` alone, is doing."""
    top = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - the documented way
    stack = _stack(top)
    for depth, (frame, _) in enumerate(stack):
        if frame.f_code.co_name == "run" and frame.f_code.co_filename.endswith("_asyncio.py"):
            return Work(name_of(function), stack[depth - 1 :: -1] if depth else [])
    return Work(name_of(function), [])


def name_of(function: Any) -> str:
    """``render_pdf``, ``time.sleep``: what ``to_thread``'s and other partials hide."""
    for _ in range(DEEPEST):
        called = getattr(function, "func", None)  # of a functools.partial
        if called is None:
            break
        runs_in_context = isinstance(getattr(called, "__self__", None), Context)
        function = function.args[0] if runs_in_context and function.args else called
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = str(getattr(function, "__module__", None) or "").partition(".")[0]
    return f"{module}.{name}" if module in sys.stdlib_module_names and module[0] != "_" else name


def _code_in_pool() -> CodeType | None:
    """Where a pool's thread calls what it was given, if there is any pool."""
    module = sys.modules.get("concurrent.futures.thread")
    run = getattr(getattr(module, "_WorkItem", None), "run", None)
    return getattr(run, "__code__", None)


def _stacks() -> Iterator[Frames]:
    """Each thread's frames, from the innermost to the outermost."""
    for top in sys._current_frames().values():  # noqa: SLF001 - the documented way
        yield _stack(top)


def _stack(top: FrameType | None) -> Frames:
    stack: Frames = []
    while top is not None and len(stack) < DEEPEST:
        stack.append((top, top.f_lineno or 0))
        top = top.f_back
    return stack

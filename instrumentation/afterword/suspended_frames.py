"""What a suspended awaitable waits for: its frames, through everything that asyncio puts between.

Nested coroutines, async generators, tasks, ``gather``, ``wait``, task groups, ``shield``, and
functions handed to a thread. asyncio tells nobody who waits for what, except the garbage collector,
which is asked here: it reads a suspended frame without leaving anything in it.

Called from a thread of its own while the loop goes on: what has moved on meanwhile is told as it
was a moment ago or as it is, and nothing here changes anything.
"""

import asyncio
import gc
from collections.abc import Iterable
from concurrent.futures import Future as ThreadFuture
from threading import Thread
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
)
from typing import Any, Final, NamedTuple

from afterword import thread_frames
from afterword.thread_frames import Frames, Work

MOST_PLACES: Final = 20
_MOST_STEPS: Final = 5000
_ITERATORS: Final = frozenset(
    {"FutureIter", "coroutine_wrapper", "async_generator_asend", "async_generator_athrow"}
)
_GROUPS_MODULES: Final = ("asyncio.taskgroups", "asyncio.tasks", "anyio._backends._asyncio")


class Place(NamedTuple):
    """One place where an awaitable waits; a gathering of several has several."""

    frames: Frames
    awaited: str = ""
    """What the innermost frame waits for, where that is no frame."""
    is_running: bool = False
    """It waits for nothing: a thread is running it."""
    in_thread: bool = False
    """``awaited`` is a function that a thread runs, the innermost frames are that thread's."""


class _State(NamedTuple):
    frame: FrameType | None
    awaited: Any
    running: bool
    suspended: bool


def places(awaitable: object) -> list[Place]:
    """Where it waits, in the order of what it waits for; empty if it is over."""
    found: list[Place] = []
    seen: set[int] = set()
    to_visit: list[tuple[Any, Frames]] = [(awaitable, [])]
    for _ in range(_MOST_STEPS):
        if not to_visit or len(found) >= MOST_PLACES:
            break
        current, frames = to_visit.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        step = _step(current, frames)
        if isinstance(step, Place):
            found.append(step)
        else:
            to_visit.extend((following, list(frames)) for following in reversed(step))
    return found


def _step(current: Any, frames: Frames) -> "Place | list[Any]":
    """The place, if this is the end; otherwise what to look into. Adds to ``frames``."""
    state = _state_of(current)
    if state is not None:
        return _into(current, state, frames)
    if isinstance(current, asyncio.Task):
        return [] if current.done() else [current.get_coro()]
    if asyncio.isfuture(current):
        return _behind_future(current, frames)
    if isinstance(current, ThreadFuture):
        return _in_thread(current, frames)
    if type(current).__name__ in _ITERATORS:
        for candidate in gc.get_referents(current):
            if asyncio.isfuture(candidate) or _state_of(candidate) is not None:
                return [candidate]
    return Place(frames, _type_name(current))


def _state_of(subject: Any) -> _State | None:
    """Frame, awaited object and whether it runs, of whatever kind of coroutine it is."""
    if isinstance(subject, CoroutineType) or hasattr(subject, "cr_await"):
        suspended = bool(getattr(subject, "cr_suspended", False))
        return _State(subject.cr_frame, subject.cr_await, bool(subject.cr_running), suspended)
    if isinstance(subject, GeneratorType):
        running, suspended = bool(subject.gi_running), bool(subject.gi_suspended)
        return _State(subject.gi_frame, subject.gi_yieldfrom, running, suspended)
    if isinstance(subject, AsyncGeneratorType):
        # ag_running says that somebody iterates over it, which is so while it waits, too.
        running = subject.ag_running and subject.ag_await is None
        return _State(subject.ag_frame, subject.ag_await, running, suspended=True)
    return None


def _into(subject: Any, state: _State, frames: Frames) -> "Place | list[Any]":
    frame = state.frame
    if frame is None:
        return [] if state.awaited is None else [state.awaited]
    own = [(frame, frame.f_lineno or 0)]
    if state.running:
        return Place(frames + (thread_frames.frames_from(frame) or own), is_running=True)
    if state.awaited is None:
        if state.suspended:
            return Place(frames + own)
        return Place(frames, f"{getattr(subject, '__qualname__', '')} (not started)".lstrip())
    frames += own
    if frame.f_globals.get("__name__") in _GROUPS_MODULES:
        waited_for = _kept_by(subject, frame, frames)
        if waited_for is not None:
            return waited_for
    return [state.awaited]


def _kept_by(subject: Any, frame: FrameType, frames: Frames) -> "Place | list[Any] | None":
    """What a function of asyncio's or anyio's that waits for a bare future really waits for."""
    referents = gc.get_referents(subject)
    thread = next((one for one in referents if isinstance(one, Thread)), None)
    if thread is not None:
        work = thread_frames.work_in(thread, _function_among(referents, frame))
        return _of_thread(frames, work)
    for referent in referents:
        if type(referent).__name__ == "TaskGroup":
            return _pending(getattr(referent, "_tasks", ())) or None
    for referent in referents:
        if isinstance(referent, set | frozenset | list):
            waited_for = list(referent)  # at once: the loop's thread may change it meanwhile
            if any(map(asyncio.isfuture, waited_for)):
                return _pending(referent) or None
    if frame.f_code.co_name == "wait_for":
        return _pending(one for one in referents if isinstance(one, asyncio.Task)) or None
    return None


def _function_among(referents: list[Any], frame: FrameType) -> object:
    for one in referents:
        kinds = (FunctionType, BuiltinFunctionType, MethodType)
        is_function = isinstance(one, kinds) or hasattr(one, "func")
        if is_function and getattr(one, "__code__", None) is not frame.f_code:
            return one
    return None


def _behind_future(future: Any, frames: Frames) -> "Place | list[Any]":
    """A gathering's pending children; a shielded or a thread's future; or the future itself."""
    if future.done():
        return Place(frames)
    children = getattr(future, "_children", None)
    if children:
        return _pending(children) or Place(frames)
    for callback, *_ in list(getattr(future, "_callbacks", None) or ()):
        for cell in getattr(callback, "__closure__", None) or ():
            behind = _content(cell)
            if isinstance(behind, ThreadFuture):
                return [behind]
            if asyncio.isfuture(behind) and behind is not future and _shields(callback):
                return [behind]
    return Place(frames, _type_name(future))


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # an empty one
        return None


def _shields(callback: Any) -> bool:
    return "shield" in getattr(callback, "__qualname__", "")


def _in_thread(future: "ThreadFuture[Any]", frames: Frames) -> Place:
    work = thread_frames.work_of(future)
    if work is not None:
        return _of_thread(frames, work)
    return Place(frames, "another thread" if future.running() else "a free thread")


def _of_thread(frames: Frames, work: Work) -> Place:
    return Place(frames + work.frames, f"{work.name} in a thread", in_thread=True)


def _pending(futures: Iterable[Any]) -> list[Any]:
    """Those not done, oldest first where that can be told: sets of tasks have no order."""
    listed = [future for future in list(futures) if asyncio.isfuture(future) and not future.done()]
    if isinstance(futures, list | tuple):
        return listed
    return sorted(listed, key=_number_of)


def _number_of(future: Any) -> int:
    """From the number that asyncio gives each task, ``Task-17``."""
    name = future.get_name() if isinstance(future, asyncio.Task) else ""
    number = name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _type_name(value: object) -> str:
    kind = type(value)
    module = kind.__module__.removeprefix("_").partition(".")[0]
    name = kind.__qualname__.removeprefix("_")
    return name if module == "builtins" else f"{module}.{name}"

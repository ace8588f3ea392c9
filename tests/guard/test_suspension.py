"""Where a task waits, read from another thread: every way that asyncio offers to wait."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio.to_thread
import pytest

import afterword
from afterword import testing
from afterword.evidence import Settled, Started
from afterword.suspension import awaiting

HERE: Final = "guard/test_suspension.py"
PATIENCE_SECONDS: Final = 60.0


class Meeting:
    """Where the work under test stops: it says that it is there, and waits to be released."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()
        self.release = asyncio.Event()

    async def hang(self) -> None:
        self.reached.set()
        await self.release.wait()

    def block(self) -> None:
        self.reached.set()
        assert self.released.wait(PATIENCE_SECONDS)

    def wait_in_thread(self) -> None:
        self.block()


class Bare:
    """An awaitable that is no coroutine."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting

    def __await__(self) -> Any:
        return self.meeting.hang().__await__()


async def numbers(meeting: Meeting) -> AsyncIterator[int]:
    await meeting.hang()
    yield 1


@asynccontextmanager
async def resource(meeting: Meeting) -> AsyncIterator[None]:
    await meeting.hang()
    yield


async def nested(meeting: Meeting) -> None:
    async def inner() -> None:
        await meeting.hang()

    await inner()


async def object_with_await(meeting: Meeting) -> None:
    await Bare(meeting)


async def async_generator(meeting: Meeting) -> None:
    async for _ in numbers(meeting):
        pass


async def async_context(meeting: Meeting) -> None:
    async with resource(meeting):
        pass


async def gathered(meeting: Meeting) -> None:
    await asyncio.gather(asyncio.sleep(0), meeting.hang())


async def waited(meeting: Meeting) -> None:
    await asyncio.wait([asyncio.ensure_future(meeting.hang())])


async def task_group(meeting: Meeting) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(meeting.hang())


async def another_task(meeting: Meeting) -> None:
    await asyncio.create_task(meeting.hang())


async def shielded(meeting: Meeting) -> None:
    await asyncio.shield(meeting.hang())


async def within(meeting: Meeting) -> None:
    await asyncio.wait_for(meeting.hang(), PATIENCE_SECONDS)


async def anyio_group(meeting: Meeting) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(meeting.hang)


HANGING: Final[list[Callable[[Meeting], Coroutine[Any, Any, None]]]] = [
    nested,
    object_with_await,
    async_generator,
    async_context,
    gathered,
    waited,
    task_group,
    another_task,
    shielded,
    within,
    anyio_group,
]


def line_of(function: Callable[..., Any], text: str) -> int:
    """The line of ``function`` that holds ``text``."""
    import inspect  # noqa: PLC0415 - of this function

    lines, first = inspect.getsourcelines(function)
    return first + next(index for index, line in enumerate(lines) if text in line)


def seen_at_last(task: "asyncio.Task[Any]", expected: str) -> str:
    """What is seen of a task once it begins as expected, or never does: it is on its way there."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (seen := awaiting(task)).startswith(expected) and time.monotonic() < end:
        pass
    return seen


async def seen_from_outside(
    work: Callable[[Meeting], Coroutine[Any, Any, Any]], expected: str
) -> str:
    """What another thread sees of ``work`` once it stands where it waits, or never does."""
    meeting = Meeting()
    task = asyncio.create_task(work(meeting))
    loop = asyncio.get_running_loop()

    def look() -> str:
        assert meeting.reached.wait(PATIENCE_SECONDS)
        seen = seen_at_last(task, expected)
        meeting.released.set()
        loop.call_soon_threadsafe(meeting.release.set)
        return seen

    with ThreadPoolExecutor(1) as observer:
        seen = await asyncio.wrap_future(observer.submit(look))
        await task
    return seen


@pytest.mark.parametrize("work", HANGING, ids=lambda work: str(work.__name__))
async def test_the_innermost_frame_is_found_through(
    work: Callable[[Meeting], Coroutine[Any, Any, None]],
) -> None:
    """Whatever stands between: the line that waits, and what it called."""
    line = line_of(Meeting.hang, "self.release.wait")
    expected = f"asyncio.Event.wait at {HERE}:{line} in Meeting.hang"
    assert await seen_from_outside(work, expected) == expected


async def to_thread(meeting: Meeting) -> None:
    await asyncio.to_thread(meeting.wait_in_thread)


async def in_executor(meeting: Meeting) -> None:
    await asyncio.get_running_loop().run_in_executor(None, meeting.wait_in_thread)


async def anyio_thread(meeting: Meeting) -> None:
    await anyio.to_thread.run_sync(meeting.wait_in_thread)


@pytest.mark.parametrize("work", [to_thread, in_executor, anyio_thread])
async def test_a_function_in_a_thread_is_named_with_its_own_frame(
    work: Callable[[Meeting], Coroutine[Any, Any, None]],
) -> None:
    """Through the pool: the function handed over, and the line it is at in its thread."""
    line = line_of(Meeting.block, "self.released.wait")
    expected = f"Meeting.wait_in_thread in a thread at {HERE}:{line} in Meeting.block"
    assert await seen_from_outside(work, expected) == expected


async def test_a_function_that_is_no_python_is_told_by_who_handed_it_over() -> None:
    """``to_thread(lock.acquire)``: a thread in C has no frame, so the awaiting line is told."""
    lock = threading.Lock()
    lock.acquire()

    async def waits_for_a_lock() -> None:
        await asyncio.to_thread(lock.acquire)

    task = asyncio.create_task(waits_for_a_lock())
    seen = await asyncio.to_thread(seen_at_last, task, "lock.acquire in a thread at ")
    lock.release()
    await task
    line = line_of(waits_for_a_lock, "lock.acquire")
    assert seen.startswith("lock.acquire in a thread at "), seen
    assert f"{HERE}:{line} in " in seen


async def test_work_that_has_no_thread_yet_waits_for_one() -> None:
    """A pool that is full: the task waits for a free thread, and that is said."""
    meeting = Meeting()
    with ThreadPoolExecutor(1) as pool:
        blocker = asyncio.get_running_loop().run_in_executor(pool, meeting.block)
        waiter = asyncio.create_task(handed_to(pool))
        await asyncio.sleep(0)
        seen = awaiting(waiter)
        meeting.released.set()
        await blocker
        await waiter
    line = line_of(handed_to, "run_in_executor")
    assert seen == f"a free thread at {HERE}:{line} in handed_to"


async def handed_to(pool: ThreadPoolExecutor) -> None:
    await asyncio.get_running_loop().run_in_executor(pool, int)


async def test_a_task_that_blocks_the_loop_is_told_as_running() -> None:
    """It awaits nothing: its frame comes from the thread that runs the loop."""

    async def blocks(meeting: Meeting) -> None:
        meeting.block()

    line = line_of(Meeting.block, "self.released.wait")
    expected = f"running threading.Event.wait at {HERE}:{line} in Meeting.block"
    assert await seen_from_outside(blocks, expected) == expected


async def test_several_branches_are_told_in_order_and_bounded() -> None:
    """Five children at five places: three are shown and the rest counted; done ones are not."""
    release = asyncio.Event()
    started = asyncio.Event()

    def child(number: int) -> Awaitable[None]:
        code = compile(
            f"async def child_{number}(release):\n    await release.wait()\n",
            "/app/many.py",
            "exec",
        )
        scope: dict[str, Any] = {"__name__": "many"}
        exec(code, scope)
        made: Awaitable[None] = scope[f"child_{number}"](release)
        return made

    async def fans_out() -> None:
        children = [child(number) for number in range(5)]
        gathering = asyncio.gather(asyncio.sleep(0), *children)
        started.set()
        await gathering

    task = asyncio.create_task(fans_out())
    await started.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    seen = awaiting(task)
    release.set()
    await task
    shown = [f"asyncio.Event.wait at /app/many.py:2 in child_{number}" for number in range(3)]
    assert seen == "; ".join(shown) + "; and 2 more"


async def test_a_library_is_named_and_the_application_located() -> None:
    """The frame is the application's own; what it called in a library is what it awaits."""
    release = asyncio.Event()
    scope: dict[str, Any] = {"__name__": "httpx._client"}
    code = "async def send(release):\n    await pool(release)\nasync def pool(release):\n    "
    path = "/venv/lib/python3.11/site-packages/httpx/_client.py"
    exec(compile(code + "await release.wait()\n", path, "exec"), scope)

    async def sends_a_receipt() -> None:
        await scope["send"](release)

    task = asyncio.create_task(sends_a_receipt())
    await asyncio.sleep(0)
    seen = awaiting(task)
    release.set()
    await task
    line = line_of(sends_a_receipt, 'scope["send"]')
    assert seen.startswith(f"httpx.send at {HERE}:{line} in ")


async def test_what_is_over_waits_for_nothing() -> None:
    """A finished task, and a coroutine that never began."""

    async def quick() -> None:
        pass

    task = asyncio.create_task(quick())
    await task
    assert awaiting(task) == ""
    unstarted = quick()
    assert awaiting(unstarted).endswith("quick (not started)")
    unstarted.close()


async def test_two_tasks_that_wait_for_each_other_end_the_search() -> None:
    """A deadlock is what a time-out is made of: the walk ends all the same."""
    tasks: list[asyncio.Task[None]] = []

    async def waits_for(other: int) -> None:
        await asyncio.sleep(0)
        await asyncio.wait([tasks[other]])

    tasks += [asyncio.create_task(waits_for(1)), asyncio.create_task(waits_for(0))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    seen = awaiting(tasks[0])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert seen == ""


async def test_reading_while_everything_moves_harms_nobody() -> None:
    """A thread looks thousands of times at tasks that run, wait, hand over to threads and end."""
    over = threading.Event()
    looked = 0

    async def busy(depth: int) -> None:
        if depth:
            await asyncio.gather(busy(depth - 1), asyncio.sleep(0))
        await asyncio.to_thread(sum, range(50))
        async for _ in ticks():
            pass

    async def ticks() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    def look() -> None:
        nonlocal looked
        while not over.is_set():
            for task in list(tasks):
                awaiting(task)
                looked += 1

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        tasks = [asyncio.create_task(busy(4)) for _ in range(60)]
        thread = threading.Thread(target=look)
        thread.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*tasks)
            while looked <= len(tasks):  # the thread has hardly had a processor yet
                tasks = [asyncio.create_task(busy(4)) for _ in range(60)]
                await asyncio.gather(*tasks)
        over.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    finally:
        over.set()
        sys.setswitchinterval(before)
    assert looked > len(tasks)


AS_SEEN_BEFORE: Final = [
    nested,
    object_with_await,
    async_generator,
    async_context,
    gathered,
    another_task,
    *([within] if sys.version_info >= (3, 12) else []),  # a task of its own before that
]


@pytest.mark.parametrize("work", HANGING, ids=lambda work: str(work.__name__))
async def test_a_cancelled_task_has_the_same_line(
    work: Callable[[Meeting], Coroutine[Any, Any, None]],
) -> None:
    """Where the cancellation went down to it; otherwise the line that waits for the others."""
    meeting = Meeting()
    with testing.recording() as evidence:
        task = afterword.wait_until(work(meeting))
        assert task is not None
        assert await asyncio.to_thread(meeting.reached.wait, PATIENCE_SECONDS)
        task.cancel()
        await asyncio.wait([task])
        meeting.release.set()
        await asyncio.sleep(0)
        [settled] = evidence.of(Settled)
    assert settled.failure is not None
    line = line_of(Meeting.hang, "self.release.wait")
    deepest = f"asyncio.Event.wait at {HERE}:{line} in Meeting.hang"
    if work in AS_SEEN_BEFORE:
        assert settled.failure.awaiting == deepest
    else:
        assert settled.failure.awaiting.endswith(f" in {work.__name__}")


async def test_a_task_cancelled_before_it_began_says_so() -> None:
    """Told apart from one cut off inside: there is no frame, and there was no start."""
    with testing.recording() as evidence:
        task = afterword.wait_until(asyncio.sleep(1000))
        assert task is not None
        task.cancel()
        await asyncio.wait([task])
        [settled] = evidence.of(Settled)
        assert evidence.of(Started) == []
    assert (settled.outcome, settled.reason) == ("cancelled", "cancelled")
    assert settled.failure is not None
    assert settled.failure.awaiting == "not started"

"""``wait_until``: every kind of awaitable, watched to its end and otherwise untouched."""

import asyncio
import contextlib
import contextvars
import gc
import inspect
import logging
import threading
import traceback
import weakref
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

import afterword
from afterword import surroundings
from afterword.evidence import Opening, Settled, Started
from afterword.testing import RecordingDelivery


async def receipt(number: int) -> int:
    await asyncio.sleep(0)
    return number


async def hanging() -> None:
    await asyncio.Event().wait()


async def failing() -> None:
    await asyncio.sleep(0)
    raise KeyError("no such order")


class Promise:
    """An object with ``__await__`` and nothing else."""

    def __await__(self) -> Generator[Any, None, str]:
        yield from asyncio.sleep(0).__await__()
        return "kept"


async def ended(awaitable: "asyncio.Future[Any] | None") -> None:
    """Wait for the end, whatever it is, without asking for the result."""
    assert awaitable is not None
    await asyncio.wait([awaitable])


async def test_a_coroutine_is_run_and_told(evidence: RecordingDelivery) -> None:
    """Opening, start and closing, in one sequence; the result is the coroutine's own."""
    assert await running(afterword.wait_until(receipt(7))) == 7
    opening, started, settled = evidence.records[1:]
    assert isinstance(opening, Opening)
    assert isinstance(started, Started)
    assert isinstance(settled, Settled)
    assert opening.kind.name == "receipt"
    assert opening.kind.function.endswith("test_wait_until.receipt")
    assert opening.kind.platform == "asyncio"
    assert (started.opening, settled.opening) == (opening, opening)
    assert (settled.outcome, settled.reason) == ("completed", "completed")
    assert [record.sequence for record in evidence.records] == [1, 2, 3, 4]
    assert started.start_delay_seconds >= 0
    assert settled.duration_seconds is not None
    assert settled.duration_seconds >= 0


async def running(future: "asyncio.Future[Any] | None") -> Any:
    assert future is not None
    return await future


def _future() -> "asyncio.Future[str]":
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.get_loop().call_soon(future.set_result, "kept")
    return future


async def _kept() -> str:
    return "kept"


@pytest.mark.parametrize(
    "make",
    [
        _kept,
        lambda: asyncio.create_task(_kept()),
        _future,
        Promise,
        lambda: asyncio.gather(_kept()),
    ],
    ids=["coroutine", "task", "future", "object", "gathering"],
)
async def test_every_kind_of_awaitable(
    evidence: RecordingDelivery, make: Callable[[], Awaitable[Any]]
) -> None:
    """Each is one task that completes; what can be awaited still gives its result."""
    result = await running(afterword.wait_until(make()))
    assert result in ("kept", ["kept"])
    assert [settled.outcome for settled in evidence.of(Settled)] == ["completed"]
    assert len(evidence.of(Started)) == 1


async def test_tasks_and_futures_pass_through(evidence: RecordingDelivery) -> None:
    """A Task or a Future is watched, not wrapped: the very object comes back."""
    task, future = asyncio.create_task(receipt(1)), _future()
    assert afterword.wait_until(task) is task
    assert afterword.wait_until(future) is future
    await ended(task)
    await ended(future)
    assert len(evidence.of(Settled)) == 2


async def test_the_same_awaitable_twice_is_one_task(evidence: RecordingDelivery) -> None:
    """By identity while it lives: the coroutine, the task that runs it, a watched task."""
    coroutine, watched = receipt(1), asyncio.create_task(receipt(2))
    task = afterword.wait_until(coroutine)
    assert afterword.wait_until(coroutine) is task
    assert task is not None
    assert afterword.wait_until(task) is task
    assert afterword.wait_until(watched) is afterword.wait_until(watched)
    await asyncio.wait([task, watched])
    assert len(evidence.of(Opening)) == 2


async def test_an_exception_is_the_tasks_own(evidence: RecordingDelivery) -> None:
    """The same object with its traceback; told with class, message and the task's own stack."""
    with pytest.raises(KeyError) as caught:
        await running(afterword.wait_until(failing()))
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "failing"
    (settled,) = evidence.of(Settled)
    assert (settled.outcome, settled.reason) == ("failed", "exception")
    assert settled.failure is not None
    assert settled.failure.error_type == "KeyError"
    assert settled.failure.exception_message == "'no such order'"
    assert "in failing" in settled.failure.exception_stacktrace
    assert "wrapping.py" not in settled.failure.exception_stacktrace


@pytest.mark.parametrize("watched", [False, True])
async def test_an_exception_nobody_retrieves_is_still_asyncios_to_tell(
    evidence: RecordingDelivery, *, watched: bool
) -> None:
    """That the exception was never retrieved reaches the loop's handler as ever."""
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: told.append(context["message"]))
    await ended(afterword.wait_until(asyncio.create_task(failing()) if watched else failing()))
    gc.collect()
    assert told == ["Task exception was never retrieved"]
    assert evidence.outcomes() == {"failing": ["failed"]}


@pytest.mark.parametrize("watched", [False, True])
async def test_a_timeout_cancels_and_says_where(
    evidence: RecordingDelivery, *, watched: bool
) -> None:
    """``timeout=`` is told as ``timed_out``, with what the task was waiting for."""
    work: Awaitable[None] = asyncio.create_task(hanging()) if watched else hanging()
    with pytest.raises((TimeoutError, asyncio.CancelledError)):
        await running(afterword.wait_until(work, timeout=0.01))
    (settled,) = evidence.of(Settled)
    assert (settled.outcome, settled.reason) == ("timed_out", "timeout")
    assert settled.failure is not None
    assert settled.failure.awaiting.startswith("asyncio.Event.wait at ")
    assert settled.failure.awaiting.endswith("in hanging")
    assert "test_wait_until.py:" in settled.failure.awaiting


async def test_a_timeout_error_of_the_work_is_another_reason(evidence: RecordingDelivery) -> None:
    """A ``TimeoutError`` that escapes was raised, not imposed."""

    async def raising() -> None:
        raise TimeoutError("upstream")

    await ended(afterword.wait_until(raising(), timeout=60))
    (settled,) = evidence.of(Settled)
    assert (settled.outcome, settled.reason) == ("timed_out", "raised")
    assert settled.failure is not None
    assert settled.failure.exception_message == "upstream"


@pytest.mark.parametrize("steps", [0, 2], ids=["before its first step", "while it waits"])
async def test_a_cancellation_is_told(evidence: RecordingDelivery, steps: int) -> None:
    """Cancelled work is ``cancelled``; if it never began, no start is told and nothing warned."""
    task = afterword.wait_until(hanging())
    assert task is not None
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await ended(task)
    assert task.cancelled()
    (settled,) = evidence.of(Settled)
    assert (settled.outcome, settled.reason) == ("cancelled", "cancelled")
    assert len(evidence.of(Started)) == (1 if steps else 0)


async def test_a_cancellation_whose_context_leads_back_to_itself(
    evidence: RecordingDelivery,
) -> None:
    """Looking for who stopped it comes to an end, whatever circle its exceptions make."""

    async def circular() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            other = ValueError()
            error.__context__, other.__context__ = other, error
            raise

    task = afterword.wait_until(circular())
    assert task is not None
    await asyncio.sleep(0)
    task.cancel()
    await ended(task)
    assert [settled.reason for settled in evidence.of(Settled)] == ["cancelled"]


async def test_cancellations_message_and_traceback_stay_the_awaiters(
    evidence: RecordingDelivery,
) -> None:
    """Looking at a watched task's end takes nothing from whoever awaits it."""
    task = asyncio.create_task(hanging())
    afterword.wait_until(task)
    await asyncio.sleep(0)
    task.cancel("closing time")
    with pytest.raises(asyncio.CancelledError, match="closing time") as caught:
        await task
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert "hanging" in [frame.name for frame in frames]
    assert evidence.outcomes() == {"hanging": ["cancelled"]}


def test_what_the_runner_cancels_at_the_end_is_shutdown(evidence: RecordingDelivery) -> None:
    """``asyncio.run`` cancels what is left: lost to the shutdown, begun or not, wrapped or not."""

    async def main() -> None:
        afterword.wait_until(hanging(), name="begun")
        afterword.wait_until(asyncio.create_task(hanging()), name="watched")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        afterword.wait_until(hanging(), name="unbegun")

    asyncio.run(main())
    assert evidence.outcomes() == {name: ["dropped"] for name in ("begun", "watched", "unbegun")}
    assert {settled.reason for settled in evidence.of(Settled)} == {"shutdown"}


def test_system_exit_in_a_task(evidence: RecordingDelivery) -> None:
    """The one that raised it failed by its own choice; its siblings are lost to the shutdown."""

    async def quitting() -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    async def main() -> None:
        afterword.wait_until(hanging())
        afterword.wait_until(quitting(), name="quitting")
        await asyncio.Event().wait()

    with pytest.raises(SystemExit, match="3"):
        asyncio.run(main())
    by_name = {settled.opening.kind.name: settled for settled in evidence.of(Settled)}
    assert (by_name["quitting"].outcome, by_name["quitting"].reason) == ("failed", "exception")
    assert by_name["quitting"].failure is not None
    assert by_name["quitting"].failure.error_type == "SystemExit"
    assert (by_name["hanging"].outcome, by_name["hanging"].reason) == ("dropped", "shutdown")


async def test_a_future_that_is_forgotten_is_abandoned(evidence: RecordingDelivery) -> None:
    """A Future that nobody holds can never be resolved: it is told when it goes."""
    afterword.wait_until(asyncio.get_running_loop().create_future(), name="forgotten")
    gc.collect()
    assert [settled.reason for settled in evidence.of(Settled)] == ["abandoned"]


def fulfil(future: "asyncio.Future[None] | None") -> None:
    assert future is not None, "it was garbage-collected"
    future.set_result(None)


async def test_what_is_handed_over_is_kept_alive(evidence: RecordingDelivery) -> None:
    """Tasks that only a cycle holds, which the collector would take, run to their end."""

    async def waits_on_itself(promises: list["weakref.ref[asyncio.Future[None]]"]) -> str:
        future = asyncio.get_running_loop().create_future()
        promises.append(weakref.ref(future))
        await future
        return "done"

    promises: list[weakref.ref[asyncio.Future[None]]] = []
    afterword.wait_until(waits_on_itself(promises), name="wrapped")
    afterword.wait_until(asyncio.create_task(waits_on_itself(promises)), name="watched")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    for promise in promises:
        fulfil(promise())
    for _ in range(4):
        await asyncio.sleep(0)
    assert evidence.outcomes() == {"wrapped": ["completed"], "watched": ["completed"]}


def test_without_a_loop_a_coroutine_is_dropped_and_named(
    evidence: RecordingDelivery, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing will ever run it: closed, booked as ``no_context``, warned of; nothing is raised."""
    coroutine = receipt(1)
    with caplog.at_level(logging.WARNING, "afterword"):
        assert afterword.wait_until(coroutine) is None
    assert inspect.getcoroutinestate(coroutine) == "CORO_CLOSED"
    assert "receipt" in caplog.text
    (settled,) = evidence.of(Settled)
    assert (settled.outcome, settled.reason) == ("dropped", "no_context")


def test_without_a_loop_a_task_is_simply_watched(evidence: RecordingDelivery) -> None:
    """It belongs to a loop that will run again, and its own end decides."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        task = loop.create_task(receipt(5))
        assert afterword.wait_until(task) is task
        assert loop.run_until_complete(task) == 5
        loop.run_until_complete(asyncio.sleep(0))
    assert evidence.outcomes() == {"receipt": ["completed"]}


def test_what_is_no_awaitable_is_the_callers_error(evidence: RecordingDelivery) -> None:
    """A function, or a wrong time-out, raises at once and books nothing."""
    with pytest.raises(TypeError, match="not awaitable"):
        afterword.wait_until(receipt)  # type: ignore[arg-type]
    coroutine = receipt(1)
    for timeout in ("1", 10**400):
        with pytest.raises(TypeError, match="number of seconds"):
            afterword.wait_until(coroutine, timeout=timeout)  # type: ignore[arg-type]
    coroutine.close()
    assert evidence.records == []


async def test_a_name_that_is_no_text_is_made_one_or_left_out(
    evidence: RecordingDelivery, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever its ``__str__`` and ``__hash__`` do, the work runs and nothing is raised."""

    class Raises(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise RuntimeError

    class Unhashable(str):
        __slots__ = ()

        def __str__(self) -> str:
            return self

        def __hash__(self) -> int:
            raise RuntimeError

    names: tuple[Any, ...] = (7, "", Raises("x"), Unhashable("plain"))
    for name in names:
        future = afterword.wait_until(asyncio.sleep(0), name=name)
        assert future is not None
        await future
    assert evidence.outcomes() == {
        "7": ["completed"],
        "sleep": ["completed", "completed"],
        "plain": ["completed"],
    }
    assert "name= is a Raises whose text raised RuntimeError" in caplog.text


@pytest.mark.parametrize("deadline", [float("nan"), float("inf"), "soon", 10**400])
async def test_a_deadline_that_is_none_is_left_out(
    evidence: RecordingDelivery, deadline: Any
) -> None:
    """The task runs; the book gets no deadline that no clock reaches."""
    await running(afterword.wait_until(receipt(1), deadline=deadline))
    assert evidence.of(Opening)[0].deadline is None


async def test_context_is_inherited_and_origin_with_it(evidence: RecordingDelivery) -> None:
    """The task sees its creator's context variables; nested tasks inherit the origin."""
    variable = contextvars.ContextVar("variable", default="outside")

    async def nested() -> None:
        variable.set("changed inside")

    async def outer() -> str:
        await running(afterword.wait_until(nested(), name="nested"))
        return variable.get()

    variable.set("inside")
    token = surroundings.current.set(
        surroundings.Surroundings(origin="replay", dead_letter="ab-1", route="/orders")
    )
    assert await running(afterword.wait_until(outer(), name="outer")) == "inside"
    surroundings.current.reset(token)
    outside, inside = evidence.of(Opening)
    assert (outside.kind.origin, outside.dead_letter) == ("replay", "ab-1")
    assert (inside.kind.origin, inside.dead_letter, inside.route) == ("replay", "", "/orders")


def test_threads_and_loops(evidence: RecordingDelivery) -> None:
    """Many loops in many threads share one stream: each task once, each number once."""

    async def many() -> None:
        futures = [afterword.wait_until(receipt(number)) for number in range(200)]
        await asyncio.wait([future for future in futures if future is not None])

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert evidence.outcomes() == {"receipt": ["completed"] * 1600}
    sequences = sorted(record.sequence for record in evidence.records)
    assert sequences == list(range(1, 1 + 3 * 1600 + 1))


def test_a_task_of_another_threads_loop_is_watched_there(evidence: RecordingDelivery) -> None:
    """A done-callback is added on the loop's own thread."""
    ready, release = threading.Event(), threading.Event()
    handed: list[asyncio.Task[int]] = []

    async def waiting() -> int:
        ready.set()
        return await asyncio.to_thread(lambda: int(release.wait(5)))

    async def main() -> None:
        handed.append(asyncio.create_task(waiting()))
        await handed[0]

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(5)
    afterword.wait_until(handed[0])
    release.set()
    thread.join()
    assert [settled.outcome for settled in evidence.wait_for(Settled, 1)] == ["completed"]


def test_what_is_wrong_with_every_task_is_warned_of_once(
    evidence: RecordingDelivery, caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that hands over where nothing runs fills no log; its tasks are told one by one."""
    for _ in range(3):
        afterword.wait_until(asyncio.sleep(0), deadline=float("nan"))
    assert evidence.outcomes() == {"sleep": ["dropped"] * 3}
    assert len(caplog.records) == 2

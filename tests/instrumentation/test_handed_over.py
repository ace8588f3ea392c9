"""What a platform gets to run itself: whatever it does with it is told."""

import asyncio
import gc
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import afterword
from afterword.evidence import Opening, Settled, Started
from afterword.opening import Request
from afterword.testing import RecordingDelivery
from afterword.tracking import coroutine_for

_PLATFORM = Request(platform="somewhere")


async def work(number: int = 0) -> int:
    await asyncio.sleep(0)
    return number


def throw_cancellation(coroutine: Coroutine[Any, Any, Any]) -> None:
    with pytest.raises(asyncio.CancelledError):
        coroutine.throw(asyncio.CancelledError())


def forget(coroutine: Coroutine[Any, Any, Any]) -> None:
    """The caller drops its only reference right after."""


@pytest.mark.parametrize(
    ("fate", "outcome", "reason"),
    [
        (lambda coroutine: coroutine.close(), "dropped", "no_context"),
        (throw_cancellation, "cancelled", "cancelled"),
        (forget, "dropped", "abandoned"),
    ],
    ids=["closed", "cancelled", "forgotten"],
)
def test_ends_before_the_first_step(
    evidence: RecordingDelivery,
    fate: Callable[[Coroutine[Any, Any, Any]], None],
    outcome: str,
    reason: str,
) -> None:
    """Each way of losing it in silence has its row, and nothing warns of "never awaited"."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coroutine = coroutine_for(work(), _PLATFORM)
        fate(coroutine)
        del coroutine
        gc.collect()
    (settled,) = evidence.of(Settled)
    assert (settled.outcome, settled.reason) == (outcome, reason)
    assert evidence.of(Started) == []


@pytest.mark.parametrize(
    "run",
    [
        asyncio.ensure_future,
        asyncio.create_task,
        asyncio.gather,
        lambda coroutine: asyncio.create_task(_awaiting(coroutine)),
        lambda coroutine: asyncio.wait_for(coroutine, 60),
    ],
    ids=["ensure_future", "create_task", "gather", "await", "wait_for"],
)
async def test_platforms_run_it_as_any_coroutine(
    evidence: RecordingDelivery, run: Callable[[Coroutine[Any, Any, int]], Any]
) -> None:
    """All of asyncio's ways to run a coroutine take it."""
    coroutine = coroutine_for(work(9), _PLATFORM)
    assert asyncio.iscoroutine(coroutine)
    assert await run(coroutine) in (9, [9])
    assert evidence.outcomes() == {"work": ["completed"]}
    assert evidence.of(Opening)[0].kind.platform == "somewhere"


async def _awaiting(coroutine: Coroutine[Any, Any, int]) -> int:
    return await coroutine


async def test_the_same_awaitable_gets_the_same_coroutine(evidence: RecordingDelivery) -> None:
    """Platforms deduplicate by identity, and so do we; ``wait_until`` runs what nobody ran yet."""
    inner = work(4)
    coroutine = coroutine_for(inner, _PLATFORM)
    assert coroutine_for(inner, _PLATFORM) is coroutine
    assert coroutine_for(coroutine, _PLATFORM) is coroutine
    future = afterword.wait_until(coroutine)
    assert future is not None
    assert await future == 4
    assert len(evidence.of(Opening)) == 1


async def test_dropped_while_suspended(evidence: RecordingDelivery) -> None:
    """A platform that closes what it has begun abandons it; the task's own cleanup runs first."""
    cleaned: list[bool] = []

    async def careful() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(not evidence.of(Settled))

    coroutine = coroutine_for(careful(), _PLATFORM)
    coroutine.send(None)
    coroutine.close()
    assert cleaned == [True]
    assert [settled.reason for settled in evidence.of(Settled)] == ["abandoned"]


async def test_a_functions_own_timeout(evidence: RecordingDelivery) -> None:
    """``@deferred(timeout=…)`` holds wherever its coroutine is run."""

    @afterword.deferred(name="limited", timeout=0.01)
    async def limited() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await coroutine_for(limited(), _PLATFORM)
    (settled,) = evidence.of(Settled)
    assert settled.opening.kind.name == "limited"
    assert (settled.outcome, settled.reason) == ("timed_out", "timeout")


def test_what_is_thrown_in_keeps_its_traceback(evidence: RecordingDelivery) -> None:
    """An exception that was raised elsewhere still says where, as with any coroutine."""

    def raised_elsewhere() -> Exception:
        try:
            int("seven")
        except ValueError as error:
            return error
        raise AssertionError

    coroutine = coroutine_for(work(), _PLATFORM)
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the very one
        coroutine.throw(raised_elsewhere())
    assert raised.traceback[-1].name == "raised_elsewhere"

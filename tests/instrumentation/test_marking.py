"""``@deferred`` marks; it does not change."""

import asyncio
import functools
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest

import afterword
from afterword.evidence import Opening
from afterword.kinds import registered
from afterword.testing import RecordingDelivery
from afterword.version import VERSION


@afterword.deferred
async def bare(number: int) -> int:
    return number


@afterword.deferred(name="shop.named")
async def named(number: int) -> int:
    return number


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator whose one wrapper is the code of every function it wraps."""

    @functools.wraps(function)
    async def wrapper(*args: Any) -> Any:
        return await function(*args)

    return wrapper


@afterword.deferred(name="first")
@traced
async def first(number: int) -> int:
    return number


@traced
async def second(number: int) -> int:
    return number


async def test_names(evidence: RecordingDelivery) -> None:
    """The qualified name by default, the given one else, whatever decorates the function."""
    for function in (bare, named, first, second):
        future = afterword.wait_until(function(3))
        assert future is not None
        assert await future == 3
    future = afterword.wait_until(bare(4), name="at the call")
    assert future is not None
    await asyncio.wait([future])
    assert [opening.kind.name for opening in evidence.of(Opening)] == [
        "bare", "shop.named", "first", "second", "at the call",
    ]  # fmt: skip
    assert registered["shop.named"].function is named


def test_only_coroutine_functions() -> None:
    """What cannot be a task is refused where it is marked."""
    for marked in (len, functools.partial(second, 3)):
        with pytest.raises(TypeError, match="async def"):
            afterword.deferred(marked)


def test_the_version_is_the_distributions() -> None:
    """It stands in the code, as asking the distribution costs every cold start 10 ms."""
    assert version("afterword") == VERSION

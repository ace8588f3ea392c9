"""``instrument`` and ``uninstrument`` on the SDK itself, without a runtime."""

import asyncio
import logging
from collections.abc import Iterator
from inspect import CORO_CLOSED, getcoroutinestate
from types import CodeType, SimpleNamespace

import pytest
from vercel import functions

import afterword
from afterword import internal_errors
from afterword.platforms.vercel import host, sdk

OWN_CODE: CodeType = functions.wait_until.__code__


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The SDK is as it was."""
    yield
    afterword.uninstrument()
    assert functions.wait_until.__code__ is OWN_CODE


async def work() -> None:
    raise AssertionError("nothing runs it")


def test_in_and_out_again() -> None:
    """Two times in is one time in; out restores the very code; out again does nothing."""
    function = functions.wait_until
    for _ in range(2):
        afterword.instrument("vercel")
        assert functions.wait_until is function
        assert function.__code__ is not OWN_CODE
    for _ in range(2):
        afterword.uninstrument("vercel")
        assert function.__code__ is OWN_CODE


def test_its_own_words() -> None:
    """What the SDK says to a mistake is what it said before."""
    said = []
    for watched in (False, True):
        if watched:
            afterword.instrument()
        with pytest.raises(TypeError) as error:
            functions.wait_until(work)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_no_invocation(caplog: pytest.LogCaptureFixture) -> None:
    """The coroutine is closed, as the SDK would; nothing is raised; the log says it was dropped."""
    afterword.instrument()
    coroutine = work()
    functions.wait_until(awaitable=coroutine)
    assert getcoroutinestate(coroutine) == CORO_CLOSED
    assert "work was handed over where nothing will run it (no_context)" in caplog.text


async def test_no_invocation_for_a_task() -> None:
    """A Task is not touched, and its exception stays its owner's."""
    afterword.instrument()

    async def fails() -> None:
        raise LookupError

    task = asyncio.create_task(fails())
    functions.wait_until(task)
    with pytest.raises(LookupError):
        await task


def test_a_release_we_do_not_know(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A function of another shape is left alone; the log says so once; nothing is raised."""
    kept = []

    def of_another_shape(awaitable: object, *, important: bool) -> None:
        kept.append((awaitable, important))

    strange = SimpleNamespace(wait_until=of_another_shape)
    monkeypatch.setattr(sdk, "import_module", lambda name: strange)
    monkeypatch.setattr(internal_errors, "told", set())
    with caplog.at_level(logging.WARNING, "afterword"):
        afterword.instrument("vercel")
        afterword.instrument("vercel")
    (record,) = caplog.records
    assert "vercel is not watched: vercel.functions.wait_until is" in record.message
    assert "no plain function of one argument" in record.message


def test_a_runtime_without_the_sdk(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Our own ``wait_until`` finds no host there, says so, and goes on without one."""

    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sdk, "import_module", missing)
    assert host.find() is None
    assert "pip install vercel" in caplog.text

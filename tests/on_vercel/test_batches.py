"""The runtime's own collector, step by step: what is handed over while a batch is being taken."""

import asyncio
from collections.abc import Iterator
from threading import Thread

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from vercel import functions
from vercel.headers import HeadersContext
from vercel_runtime.wait_until import begin_wait_until, finish_wait_until_async

import afterword
from afterword import internal_errors, spans, testing
from afterword.evidence import Record, Settled
from afterword.platforms.vercel import invocations
from afterword.platforms.vercel.drain import _Ends
from afterword.tracked import Tracked
from afterword.tracking import open_entry_of
from worlds.scripted_sidecar import ScriptedSidecar, attributes


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An error of our own fails the test; the SDK is restored afterwards."""
    monkeypatch.setattr(internal_errors, "re_raise", True)
    afterword.instrument("vercel")
    yield
    afterword.uninstrument()
    afterword.configure()


async def work() -> None:
    await asyncio.sleep(0)


async def test_handed_over_while_a_batch_is_taken() -> None:
    """It runs in the next batch, is waited for there, and the drain ends with all of it told."""
    with ScriptedSidecar() as sidecar:
        afterword.configure(endpoint=sidecar.endpoint)
        functions.set_headers({"x-vercel-id": "fra1::late"})
        collector = begin_wait_until()
        functions.wait_until(work())
        drain = asyncio.ensure_future(finish_wait_until_async(collector))
        await asyncio.sleep(0)  # the batch is taken, and none of its tasks has had a step
        functions.wait_until(work())
        async with asyncio.timeout(10):
            await drain
        functions.set_headers(None)
        told = [attributes(record) for request in sidecar.requests for record in request.records]
    settled = [each["deferred_task.name"] for each in told if "deferred_task.outcome" in each]
    assert settled == ["work", "work"]
    (over,) = (each for each in told if "deferred_task.invocation.scheduled" in each)
    assert over["faas.invocation_id"] == "fra1::late"
    assert int(over["deferred_task.invocation.scheduled"]) == 2
    assert int(over["deferred_task.invocation.started"]) == 2


class Raises(SpanProcessor):
    """An application's processor with a bug in it."""

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError(span.name)


async def test_a_span_processor_that_raises_does_not_keep_the_drain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a deadline the drain would wait for ever for a task that ended long ago."""
    monkeypatch.setattr(internal_errors, "re_raise", False)
    provider = TracerProvider()
    provider.add_span_processor(Raises())
    with ScriptedSidecar() as sidecar:
        afterword.configure(endpoint=sidecar.endpoint, tracer_provider=provider)
        functions.set_headers({"x-vercel-id": "fra1::raises"})
        collector = begin_wait_until()
        functions.wait_until(work())
        async with asyncio.timeout(10):
            await finish_wait_until_async(collector)
        functions.set_headers(None)
        told = [attributes(record) for request in sidecar.requests for record in request.records]
    spans.use_provider(None)
    assert [each["deferred_task.outcome"] for each in told if "deferred_task.outcome" in each] == [
        "completed"
    ]


async def test_a_task_is_over_once_its_end_is_told() -> None:
    """A drain that looks at it in between, as its closing is being told, waits for it."""
    ends: list[_Ends] = []
    seen: list[bool] = []
    tracked: Tracked | None = None

    def look(record: Record) -> None:
        if isinstance(record, Settled) and tracked is not None:
            ends.append(_Ends([tracked]))
            seen.append(tracked.settled)

    with testing.recording() as evidence, evidence.heard_by(look):
        future = afterword.wait_until(task := work())
        tracked = open_entry_of(task)
        assert tracked is not None
        assert future is not None
        await future
        assert seen == [False]
        assert await ends[0].within(10)


async def test_a_task_that_was_known_before() -> None:
    """Watched outside of any invocation, handed over inside of one: its end leaves in the drain."""
    with ScriptedSidecar() as sidecar:
        afterword.configure(endpoint=sidecar.endpoint)
        task = asyncio.create_task(work())
        assert afterword.wait_until(task) is task
        functions.set_headers({"x-vercel-id": "fra1::known"})
        collector = begin_wait_until()
        functions.wait_until(task)
        await finish_wait_until_async(collector)
        functions.set_headers(None)
        told = [attributes(record) for request in sidecar.requests for record in request.records]
    (settled,) = (each for each in told if "deferred_task.outcome" in each)
    assert settled["deferred_task.name"].endswith("work")


async def test_a_thread_with_the_headers_alone() -> None:
    """The SDK keeps nothing there, though its invocation takes work: ``dropped/no_context``."""
    with ScriptedSidecar() as sidecar:
        afterword.configure(endpoint=sidecar.endpoint)
        functions.set_headers({"x-vercel-id": "fra1::thread"})
        collector = begin_wait_until()
        functions.wait_until(work())
        headers = HeadersContext(functions.get_headers())
        thread = Thread(target=headers.run, args=(functions.wait_until, work()))
        thread.start()
        thread.join()
        await finish_wait_until_async(collector)
        functions.set_headers(None)
        told = [attributes(record) for request in sidecar.requests for record in request.records]
    settled = [each["deferred_task.reason"] for each in told if "deferred_task.outcome" in each]
    assert sorted(settled) == ["completed", "no_context"]


async def test_an_invocation_ends_for_good() -> None:
    """Nothing is remembered of an invocation whose drain is over."""
    functions.set_headers({"x-vercel-id": "fra1::over"})
    collector = begin_wait_until()
    functions.wait_until(work())
    functions.wait_until(work())
    assert len(invocations._under_way) == 1
    await finish_wait_until_async(collector)
    functions.set_headers(None)
    assert invocations._under_way == {}

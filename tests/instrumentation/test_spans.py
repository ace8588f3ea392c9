"""Spans through a real SDK; and none where nobody asked for them."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags

import afterword
from afterword import internal_errors, names, spans, testing
from afterword.evidence import Opening, Settled
from afterword.testing import RecordingDelivery
from afterword.tracked import Tracked
from afterword.tracking import open_entry_of


class Recorded:
    """A real provider, and what it exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("application")

    def named(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.exporter.get_finished_spans() if span.name == name]
        return found


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    recorded = Recorded()
    spans.use_provider(recorded.provider)
    yield recorded
    spans.use_provider(None)
    recorded.provider.shutdown()


async def ended(future: "asyncio.Future[Any] | None") -> None:
    assert future is not None
    await asyncio.wait([future])


async def work() -> trace.Span:
    await asyncio.sleep(0)
    return trace.get_current_span()


async def failing() -> None:
    raise ValueError("token=abc123 was refused")


async def test_a_child_that_outlives_its_request(
    evidence: RecordingDelivery, recorded: Recorded
) -> None:
    """CONSUMER, child of the request's span and current in the task, neither stretched."""
    with recorded.tracer.start_as_current_span("request") as request:
        task = afterword.wait_until(work())
    assert task is not None
    inside = await task
    span, parent = recorded.named("work"), recorded.named("request")
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id
    assert inside.get_span_context() == span.get_span_context()
    assert span.end_time is not None
    assert parent.end_time is not None
    assert parent.end_time < span.end_time
    assert span.status.status_code is StatusCode.UNSET
    (opening,) = evidence.of(Opening)
    assert not span.attributes, "evidence names the span; each attribute would cost 4 µs"
    assert (opening.trace_id, opening.span_id, opening.parent_span_id, opening.sampled) == (
        span.context.trace_id if span.context else 0,
        span.context.span_id if span.context else 0,
        request.get_span_context().span_id,
        True,
    )
    scope = span.instrumentation_scope
    assert scope is not None
    assert scope.name == "afterword"
    assert scope.attributes is not None
    assert len(str(scope.attributes[names.STREAM])) == 32


async def test_a_trace_of_its_own_with_a_link(recorded: Recorded) -> None:
    """``span_parent="link"``: background time is not the request's."""
    with testing.recording(span_parent="link") as evidence:
        with recorded.tracer.start_as_current_span("request") as request:
            task = afterword.wait_until(work())
        await ended(task)
    span, parent = recorded.named("work"), request.get_span_context()
    assert span.parent is None
    assert [link.context.span_id for link in span.links] == [parent.span_id]
    (opening,) = evidence.of(Opening)
    assert opening.links == f"{parent.trace_id:032x}-{parent.span_id:016x}"
    assert opening.trace_id != parent.trace_id


async def test_a_failure_is_an_error_with_redacted_texts(
    evidence: RecordingDelivery, recorded: Recorded
) -> None:
    """Status ERROR, ``error.type``, and the exception's event without what is secret."""
    await ended(afterword.wait_until(failing()))
    span = recorded.named("failing")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "token=[redacted] was refused"
    assert span.attributes is not None
    assert span.attributes[names.ERROR_TYPE] == "ValueError"
    assert span.attributes[names.OUTCOME] == "failed"
    (event,) = span.events
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "ValueError"
    assert "abc123" not in str(event.attributes)


async def test_a_cancellation_is_an_error_with_its_outcome(
    evidence: RecordingDelivery, recorded: Recorded
) -> None:
    """No success by default: today's tools read the UNSET span of cancelled work as one."""
    task = afterword.wait_until(asyncio.Event().wait(), name="hanging")
    assert task is not None
    await asyncio.sleep(0)
    task.cancel()
    await ended(task)
    span = recorded.named("hanging")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes[names.OUTCOME] == "cancelled"
    assert span.events == ()


async def test_under_an_unsampled_parent_no_tracer_is_called(
    evidence: RecordingDelivery,
) -> None:
    """Evidence does not depend on sampling; the span is not even begun."""

    class Untouchable(TracerProvider):
        def get_tracer(self, *_: object, **__: object) -> Any:
            raise AssertionError("a tracer was asked for")

    spans.use_provider(Untouchable())
    parent = SpanContext(2**100, 2**50, is_remote=True, trace_flags=TraceFlags(0))
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(parent)))
    await ended(afterword.wait_until(work()))
    context.detach(token)
    spans.use_provider(None)
    (opening,) = evidence.of(Opening)
    assert (opening.trace_id, opening.span_id, opening.parent_span_id, opening.sampled) == (
        2**100, 0, 2**50, False,
    )  # fmt: skip
    assert evidence.outcomes() == {"work": ["completed"]}


async def test_without_an_sdk_the_requests_span_is_known_and_ours_is_none(
    evidence: RecordingDelivery,
) -> None:
    """The API alone would hand the parent's span id to every sibling."""
    parent = SpanContext(2**100, 2**50, is_remote=True, trace_flags=TraceFlags(1))
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(parent)))
    await ended(afterword.wait_until(work()))
    context.detach(token)
    (opening,) = evidence.of(Opening)
    assert (opening.span_id, opening.parent_span_id, opening.sampled) == (0, 2**50, True)


async def test_a_root_that_the_sampler_drops(evidence: RecordingDelivery) -> None:
    """``ALWAYS_OFF``: not sampled, and in the book all the same."""
    spans.use_provider(TracerProvider(sampler=ALWAYS_OFF))
    await ended(afterword.wait_until(failing()))
    spans.use_provider(None)
    assert [opening.sampled for opening in evidence.of(Opening)] == [False]
    assert evidence.outcomes() == {"failing": ["failed"]}


@pytest.mark.parametrize(
    ("opted", "on_span", "as_log"), [("", 1, 0), ("logs", 0, 1), ("logs/dup", 1, 1)]
)
async def test_exceptions_go_where_the_conventions_say(
    monkeypatch: pytest.MonkeyPatch, recorded: Recorded, opted: str, on_span: int, as_log: int
) -> None:
    """``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN``: on the span, as a log event, or both."""
    exporter, provider = _logs()
    monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", opted)
    with testing.recording():
        await ended(afterword.wait_until(failing()))
    assert len(recorded.named("failing").events) == on_span
    logs = exporter.get_finished_logs()
    exporter.clear()
    assert provider.force_flush()
    assert [log.log_record.event_name for log in logs] == ["exception"] * as_log
    for log in logs:
        span_context = recorded.named("failing").get_span_context()
        assert span_context is not None
        assert log.log_record.span_id == span_context.span_id
        assert "abc123" not in str(log.log_record.attributes)


_logging: list[tuple[InMemoryLogRecordExporter, LoggerProvider]] = []


def _logs() -> tuple[InMemoryLogRecordExporter, LoggerProvider]:
    """The process's logger provider, which can be set but once."""
    if not _logging:
        exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # theirs
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        set_logger_provider(provider)
        _logging.append((exporter, provider))
    return _logging[0]


class Raises(SpanProcessor):
    """An application's processor with a bug in it."""

    def __init__(self, where: str) -> None:
        self._where = where

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self._raise("start")

    def on_end(self, span: ReadableSpan) -> None:
        self._raise("end")

    def _raise(self, where: str) -> None:
        if where == self._where:
            raise RuntimeError("the application's processor")


@pytest.mark.parametrize("where", ["start", "end"])
async def test_a_processor_that_raises_costs_a_span_and_nothing_else(
    recorded: Recorded,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """Every task is in the book, no number is missing, and who waits for its end is told."""
    recorded.provider.add_span_processor(Raises(where))
    told: list[tuple[bool, int]] = []

    def hear(tracked: Tracked) -> None:
        told.append((tracked.settled, tracked.settled_sequence))

    monkeypatch.setattr(internal_errors, "_reported", set())
    with testing.recording() as evidence, caplog.at_level("ERROR", "afterword"):
        internal_errors.re_raise = False
        for task in (work(), failing()):
            future = afterword.wait_until(task)
            tracked = open_entry_of(task)
            assert tracked is not None
            assert not tracked.settled
            tracked.followers = (partial(hear, tracked),)
            await ended(future)
        assert evidence.outcomes() == {"work": ["completed"], "failing": ["failed"]}
        sequences = [record.sequence for record in evidence.records]
        assert sequences == list(range(1, len(sequences) + 1))
        assert told == [(True, settled.sequence) for settled in evidence.of(Settled)]
    assert len({record.message for record in caplog.records}) == 1

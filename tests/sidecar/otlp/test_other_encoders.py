"""Requests encoded by others: OpenTelemetry's own exporter, and our instrumentation."""

import msgspec
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Status, StatusCode

from afterword import evidence, otlp_json
from afterword_sidecar.ledger import facts
from afterword_sidecar.otlp import decode_logs, decode_spool_lines, decode_traces
from afterword_sidecar.otlp.json_encoding import JSON_LOGS

STREAM = b"\x07" * 16
NS = 1_795_460_000_500_000_000
AT = NS / 1e9


def test_logs_of_the_official_exporter() -> None:
    """An event emitted through OpenTelemetry's SDK arrives as its fact."""
    event = LogRecord(
        timestamp=NS,
        severity_number=SeverityNumber.INFO,
        event_name="deferred_task.scheduled",
        body="for display only",
        attributes={
            "deferred_task.sequence": 3,
            "deferred_task.name": "send",
            "deferred_task.deadline": 1795460025.5,
            "tags": ("a", "b"),
        },
    )
    scope = InstrumentationScope("x", "1", None, {"deferred_task.stream": STREAM.hex()})
    resource = Resource({"service.name": "shop", "service.namespace": "eu", "n": 1})
    body = encode_logs([ReadableLogRecord(event, resource, scope)] * 2).SerializeToString()
    (batch,) = decode_logs(body, "protobuf", AT).batches
    assert batch.source == facts.Source(STREAM, "eu/shop", "", '{"n":1}')
    assert batch.facts == [facts.Scheduled(3, AT, "send", deadline=1795460025.5)] * 2


def test_spans_of_the_official_exporter() -> None:
    """A span of OpenTelemetry's SDK that names a task and recorded an exception closes it."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("theirs")
    with tracer.start_as_current_span("GET /"):
        span = tracer.start_span("send", attributes={"deferred_task.name": "send"}, start_time=NS)
        span.record_exception(KeyError("sku"))
        span.set_status(Status(StatusCode.ERROR))
        span.end(NS + 1_000_000_000)
    decoded = decode_traces(
        encode_spans(exporter.get_finished_spans()).SerializeToString(), "protobuf", AT
    )
    (batch,) = decoded.batches
    (fact,) = batch.facts
    assert isinstance(fact, facts.SpanEnded)
    assert (fact.outcome, fact.error_type, fact.exception_message) == (
        "failed",
        "KeyError",
        "'sku'",
    )
    assert (fact.started_at, fact.at) == (AT, AT + 1)
    assert decoded.ignored == 1


def records() -> list[evidence.Record]:
    """One of each kind our instrumentation writes, with all it can say."""
    kind = evidence.TaskKind("send", "vercel", "replay", "shop.send")
    opening = evidence.Opening(
        1, NS, kind, AT + 25, 2.0, "/o/{id}", "iad1::1", 0xABC << 100, 0xDEF << 40, 0x1 << 60, True,
        "a-b", "letter-1", '{"a": "é\\u0000"}',
    )  # fmt: skip
    failure = evidence.Failure("E", "m.E", "no \ud800", "stack", "at x")
    return [
        opening,
        evidence.Started(2, NS, opening, 0.25),
        evidence.Settled(3, NS, opening, "failed", "exception", 1.5, 0.25, failure),
        evidence.Pending(4, NS, opening, "shutdown", "at y"),
        evidence.Invocation(5, NS, "iad1::1", 2, 1),
        evidence.Instance(6, NS, "up", 7, 6, 30.0),
        evidence.Rollup(99, NS, kind, "completed", "completed", 2, ((7, 9), (11, 11))),
    ]


def expected() -> list[facts.Fact]:
    trace, span = (0xABC << 100).to_bytes(16, "big"), (0xDEF << 40).to_bytes(8, "big")
    parent = (0x1 << 60).to_bytes(8, "big")
    return [
        facts.Scheduled(
            1, AT, "send", "vercel", "replay", AT + 25, 2.0, "shop.send", "/o/{id}", "iad1::1",
            trace, span, parent, True, "a-b", "letter-1", '{"a": "é\\u0000"}',
        ),
        facts.Started(2, 1, AT, 0.25),
        facts.Settled(
            3, 1, AT, "send", "failed", "exception", "vercel", "replay", AT, 1.5, 0.25, "E", "m.E",
            "no ?", "stack", "at x", trace, span,
        ),
        facts.Pending(4, 1, AT, "shutdown", "at y"),
        facts.InvocationEnded(5, AT, "iad1::1", 2, 1),
        facts.Instance(6, AT, "up", 7, 6, 30.0),
        facts.Rollup(
            99, AT, "send", "completed", "completed", 2, ((7, 9), (11, 11)), "vercel", "replay"
        ),
    ]  # fmt: skip


def test_our_own_instrumentation() -> None:
    """All that the instrumentation tells arrives, in a batch and line by line alike."""
    envelope = otlp_json.Envelope(STREAM, {"service.name": "shop"}, "0.1.0")
    encoded = [otlp_json.encode(record) for record in records()]
    (batch,) = decode_logs(envelope.wrap(encoded), "json", AT).batches
    assert batch.facts == expected()
    lines = [envelope.line(record).removesuffix(b"\n") for record in encoded]
    assert decode_spool_lines(lines, AT).batches[0].facts == expected()


def test_our_own_instrumentation_takes_the_short_cut() -> None:
    """All keys it writes are familiar to the decoder that knows only the keys of ``names``."""
    envelope = otlp_json.Envelope(STREAM, {"service.name": "shop", "any": "x"}, "0.1.0")
    familiar, _ = JSON_LOGS.requests
    request = familiar.decode(envelope.wrap(otlp_json.encode(record) for record in records()))
    assert len(request.resources[0].scopes[0].records) == len(expected())


@pytest.mark.parametrize(
    "unfamiliar", ['{"eventName":"order.placed"}', '{"attributes":[{"key":"shop.colour"}]}']
)
def test_the_short_cut_is_nothing_else(unfamiliar: str) -> None:
    """A request that may not take it comes to the same facts, however late that is found."""
    envelope = otlp_json.Envelope(STREAM, {"service.name": "shop"}, "0.1.0")
    encoded = [otlp_json.encode(record) for record in records()]
    body = envelope.wrap([*encoded, unfamiliar])
    familiar, _ = JSON_LOGS.requests
    with pytest.raises(msgspec.ValidationError):
        familiar.decode(body)
    decoded = decode_logs(body, "json", AT)
    assert (decoded.batches[0].facts, decoded.ignored) == (expected(), 1)
    assert not decoded.rejected


def test_a_folded_record_of_our_own() -> None:
    """Opening, start and closing in one record lose nothing of the three but what is told twice."""
    opening, _, settled, *_ = records()
    assert isinstance(opening, evidence.Opening)
    assert isinstance(settled, evidence.Settled)
    envelope = otlp_json.Envelope(STREAM, {"service.name": "shop"}, "0.1.0")
    body = envelope.wrap([otlp_json.encode_folded(settled, started_sequence=2)])
    (fact,) = decode_logs(body, "json", AT).batches[0].facts
    told, alone, closing = fact, *(expected()[index] for index in (0, 2))
    assert isinstance(told, facts.Settled)
    assert isinstance(alone, facts.Scheduled)
    assert isinstance(closing, facts.Settled)
    assert (told.folded, told.started_sequence) == (True, 2)
    for name in ("deadline", "function", "route", "invocation", "parent_span_id", "sampled",
                 "dead_letter", "payload"):  # fmt: skip
        assert getattr(told, name) == getattr(alone, name)
    for name in ("sequence", "opening_sequence", "at", "task", "outcome", "reason", "scheduled_at",
                 "platform", "origin", "duration_seconds", "error_type", "trace_id"):  # fmt: skip
        assert getattr(told, name) == getattr(closing, name)

"""One table of records, told in both encodings: what each becomes, or why it is rejected."""

import math
from typing import Any, NamedTuple

import pytest

from afterword_sidecar.ledger.facts import (
    Fact,
    Instance,
    InvocationEnded,
    Pending,
    Rollup,
    Scheduled,
    Settled,
    Started,
)
from afterword_sidecar.otlp import REASONS, decode_logs
from worlds.otlp_requests import (
    AT,
    RECEIVED_AT,
    SPAN,
    TRACE,
    ContentType,
    Json,
    Verbatim,
    encode,
    logs,
    record,
    scheduled,
    settled,
)

TRACE_BYTES, SPAN_BYTES = bytes.fromhex(TRACE), bytes.fromhex(SPAN)
OPENING = Scheduled(5, AT, "send")
CLOSING = Settled(6, 5, AT, "send", "completed", "completed")


class Case(NamedTuple):
    name: str
    record: Json
    becomes: Fact | str | None
    """The fact; or why it is rejected; or ``None`` for what is passed by."""


def failed(told: Json) -> Json:
    return settled(6, 5, {"outcome": "failed", "reason": "exception", **told})


EVERYTHING = {
    "platform": "vercel",
    "origin": "replay",
    "deadline": 1795460025.5,
    "guard_lead": 2.0,
    "code.function.name": "shop.send",
    "http.route": "/orders/{id}",
    "faas.invocation_id": "iad1::1",
    "parent_span_id": "00f067aa0ba902b7",
    "links": f"{TRACE}-{SPAN}",
    "dead_letter": "abc-1",
    "payload": '{"args":[1]}',
}
# fmt: off
CASES = [
    Case("least opening", scheduled(5), OPENING),
    Case(
        "full opening",
        scheduled(5, EVERYTHING, traceId=TRACE.upper(), spanId=SPAN, flags=257),
        Scheduled(
            5, AT, "send", "vercel", "replay", 1795460025.5, 2.0, "shop.send", "/orders/{id}",
            "iad1::1", TRACE_BYTES, SPAN_BYTES, bytes.fromhex("00f067aa0ba902b7"), True,
            f"{TRACE}-{SPAN}", "abc-1", '{"args":[1]}',
        ),
    ),
    Case(
        "numbers as strings and integers",
        scheduled("5", {"deadline": "1795460025.5", "guard_lead": 2}),
        Scheduled(5, AT, "send", deadline=1795460025.5, guard_lead_seconds=2.0),
    ),
    Case("whole double as sequence", scheduled(5.0), OPENING),
    Case("event name as attribute", record("", {"event.name": "deferred_task.scheduled",
         "sequence": 5, "name": "send"}), OPENING),
    Case("observed time only", scheduled(5, timeUnixNano="0",
         observedTimeUnixNano="1795460000500000000"), OPENING),
    Case("no time", scheduled(5, timeUnixNano=None), Scheduled(5, RECEIVED_AT, "send")),
    Case("ids of zeroes", scheduled(5, traceId="0" * 32, spanId="0" * 16), OPENING),
    Case("ids of wrong length", scheduled(5, traceId="ab", spanId=TRACE), OPENING),
    Case("payload that is a map", scheduled(5, {"payload": Verbatim({"kvlistValue": {}})}),
         Scheduled(5, AT, "send", payload_omitted="the payload was not sent as a string")),
    Case("payload too long", scheduled(5, {"payload": "x" * 262145}), Scheduled(5, AT, "send",
         payload_omitted="the payload has 262145 characters, the sidecar takes 262144")),
    Case("no payload, and why", scheduled(5, {"payload_omitted": "no capture"}),
         Scheduled(5, AT, "send", payload_omitted="no capture")),
    Case("long name", scheduled(5, {"name": "é" * 300}), Scheduled(5, AT, "é" * 255)),
    Case("NUL in a name", scheduled(5, {"name": "a\0b"}), Scheduled(5, AT, "a\ufffdb")),
    Case("attributes of every kind", scheduled(5, {
        "a.bytes": Verbatim({"bytesValue": "AAE="}), "a.none": Verbatim({}),
        "a.list": Verbatim({"arrayValue": {"values": [{"intValue": "1"}, {}]}}),
        "a.map": Verbatim({"kvlistValue": {"values": [{"key": "k", "value": {}}]}}),
    }), OPENING),
    Case("no name", scheduled(5, {"name": None}), "no_name"),
    Case("empty name", scheduled(5, {"name": ""}), "no_name"),
    Case("name that is an array", scheduled(5, {"name": Verbatim({"arrayValue": {}})}), "no_name"),
    *(
        Case(f"sequence {wrong!r}", scheduled(wrong), "bad_sequence")
        for wrong in (None, 0, -1, 2**53, "9223372036854775808", "9" * 5000, 7.5, math.inf, True,
                      "seven", Verbatim({}), Verbatim({"arrayValue": {}}))
    ),
    *(
        Case(f"deadline {wrong!r}", scheduled(5, {"deadline": wrong}), "bad_number")
        for wrong in (-1.0, 0.0, 1e300, "1e999", "soon", True, "nan")
    ),
    Case("start", record("deferred_task.started", {"sequence": 6, "opening_sequence": 5,
         "start_delay": 0.25}), Started(6, 5, AT, 0.25)),
    Case("closing", settled(6, 5), CLOSING),
    Case("closing before its opening", settled(5, 5), "bad_sequence"),
    Case("closing of no opening", settled(6, None), "bad_sequence"),
    Case("no reason where one is possible", settled(6, 5, {"reason": None}), CLOSING),
    Case("unlisted reason", settled(6, 5, {"outcome": "dropped", "reason": "gremlins"}),
         Settled(6, 5, AT, "send", "dropped", "other")),
    Case("reason of another outcome", settled(6, 5, {"outcome": "failed", "reason": "timeout"}),
         Settled(6, 5, AT, "send", "failed", "other")),
    Case("unlisted outcome", settled(6, 5, {"outcome": "exploded"}), "bad_outcome"),
    Case("no outcome", settled(6, 5, {"outcome": None}), "bad_outcome"),
    Case("negative duration", settled(6, 5, {"duration": -0.1}), "bad_number"),
    Case(
        "failure",
        failed({"error.type": "E", "exception.type": "m.E", "exception.message": "m" * 5000,
                "exception.stacktrace": "s" * 40000, "awaiting": "at x", "duration": 1.5,
                "scheduled_time": AT - 2, "start_delay": 0.5}),
        Settled(6, 5, AT, "send", "failed", "exception", "unknown", "app", AT - 2, 1.5, 0.5, "E",
                "m.E", "m" * 4096, "s" * 32768, "at x"),
    ),
    Case(
        "folded",
        settled(6, 4, {"folded": True, "started_sequence": 5, **EVERYTHING}, traceId=TRACE,
                spanId=SPAN, flags=1),
        Settled(6, 4, AT, "send", "completed", "completed", "vercel", "replay", None, None, None,
                "", "", "", "", "", TRACE_BYTES, SPAN_BYTES, True, 5, 1795460025.5, "shop.send",
                "/orders/{id}", "iad1::1", bytes.fromhex("00f067aa0ba902b7"), True, "abc-1",
                '{"args":[1]}'),
    ),
    Case("folded, started before it opened", settled(6, 4, {"folded": True,
         "started_sequence": 3}), "bad_sequence"),
    Case("pending", record("deferred_task.pending", {"sequence": 6, "opening_sequence": 5,
         "reason": "shutdown", "awaiting": "x"}), Pending(6, 5, AT, "shutdown", "x")),
    Case("pending, why not said", record("deferred_task.pending", {"sequence": 6,
         "opening_sequence": 5, "reason": "bored"}), "bad_reason"),
    Case("invocation", record("deferred_task.invocation", {"sequence": 6,
         "faas.invocation_id": "i", "invocation.scheduled": 2, "invocation.started": 1,
         "deferred_task.invocation.scheduled": 2, "deferred_task.invocation.started": 1}),
         InvocationEnded(6, AT, "i", 2, 1)),
    Case("invocation without id", record("deferred_task.invocation", {"sequence": 6}),
         "no_invocation"),
    Case("instance", record("deferred_task.instance", {"sequence": 6, "state": "beat",
         "scheduled_total": 3, "settled_total": 2, "lease_seconds": 30}),
         Instance(6, AT, "beat", 3, 2, 30.0)),
    Case("lease of no length", record("deferred_task.instance", {"sequence": 6, "state": "up",
         "lease_seconds": 0.0}), Instance(6, AT, "up")),
    Case("instance in no state", record("deferred_task.instance", {"sequence": 6,
         "state": "sideways"}), "bad_state"),
    Case("negative total", record("deferred_task.instance", {"sequence": 6, "state": "up",
         "settled_total": -1}), "bad_count"),
    Case("an event to come", record("deferred_task.teleported", {"sequence": 6}), "unknown_event"),
    Case("a verdict is not evidence", record("deferred_task.verdict", {"sequence": 6}), None),
    Case("somebody else's event", record("device.app.lifecycle", {"name": "x"}), None),
    Case("a log line", record("", {"logger.name": "root"}), None),
]
# fmt: on


def rollup(**told: Any) -> Json:
    whole = {"sequence": 99, "name": "send", "outcome": "completed", "count": 2, **told}
    return record("deferred_task.rollup", whole)


# fmt: off
ROLLUPS = [
    Case("rollup", rollup(ranges="5-7 12-12"), Rollup(99, AT, "send", "completed", "completed", 2,
         ((5, 7), (12, 12)))),
    *(
        Case(f"ranges {wrong[:20]!r}", rollup(ranges=wrong), "bad_rollup")
        for wrong in ("", "5", "7-5", "5-7 6-9", "0-3", "5--7", " 5-7", "5-9007199254740992",
                      "1-99999999", "٣-٤", "5-" + "9" * 5000,
                      " ".join(f"{2 * n}-{2 * n}" for n in range(1, 5000)))
    ),
    Case("more tasks than records", rollup(ranges="5-5"), "bad_rollup"),
    Case("no tasks", rollup(ranges="5-9", count=0), "bad_rollup"),
]
# fmt: on
ENCODINGS: tuple[ContentType, ...] = ("json", "protobuf")


@pytest.mark.parametrize("content_type", ENCODINGS)
@pytest.mark.parametrize("case", CASES + ROLLUPS, ids=lambda case: case.name)
def test_record(case: Case, content_type: ContentType) -> None:
    """Each record becomes what the table says, and its neighbours are kept whatever it is."""
    body = encode(logs([scheduled(1), case.record, settled(200, 1)]), content_type)
    decoded = decode_logs(body, content_type, RECEIVED_AT)
    (batch,) = decoded.batches
    assert (batch.source.service, batch.source.stream) == ("shop", b"\x5e" * 16)
    first, *middle, last = batch.facts
    assert first == Scheduled(1, AT, "send")
    assert last == Settled(200, 1, AT, "send", "completed", "completed")
    if isinstance(case.becomes, str):
        assert (middle, decoded.rejected) == ([], {case.becomes: 1})
        assert case.becomes in decoded.message
    elif case.becomes is None:
        assert (middle, decoded.rejected, decoded.ignored) == ([], {}, 1)
    else:
        assert (middle, decoded.rejected, decoded.ignored) == ([case.becomes], {}, 0)


def test_every_reason_has_its_case() -> None:
    """No reason for a rejection is without a test that reaches it (the rest are in other files)."""
    reached = {case.becomes for case in CASES + ROLLUPS if isinstance(case.becomes, str)}
    elsewhere = {"malformed", "bad_resource", "bad_stream", "no_identity", "bad_time"}
    assert reached | elsewhere == set(REASONS)

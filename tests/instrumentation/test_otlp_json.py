"""Records on the wire: valid OTLP/JSON whatever goes in."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from afterword import names
from afterword.evidence import (
    Failure,
    Instance,
    Invocation,
    Opening,
    Pending,
    Record,
    Rollup,
    Settled,
    Started,
    TaskKind,
    without_payload,
)
from afterword.otlp_json import Envelope, encode, encode_folded

_TEXT = st.text(st.characters(exclude_categories=()))
_KINDS = st.builds(TaskKind, _TEXT, _TEXT, _TEXT, _TEXT)
_NUMBERS = st.integers(1, 2**53 - 1)
_TIMES = st.integers(0, 2**63 - 1)
_SECONDS = st.floats(0, 1e9)
_OPENINGS = st.builds(
    Opening, _NUMBERS, _TIMES, _KINDS, st.none() | st.floats(), st.floats(), _TEXT, _TEXT,
    st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.booleans(),
    _TEXT, _TEXT, st.none() | _TEXT, _TEXT,
)  # fmt: skip
_SETTLED = st.builds(
    Settled, _NUMBERS, _TIMES, _OPENINGS, st.just("failed"), st.just("exception"),
    st.none() | _SECONDS, st.none() | _SECONDS, st.none() | st.builds(Failure, *[_TEXT] * 5),
)  # fmt: skip
_RECORDS = st.one_of(
    _OPENINGS,
    st.builds(Started, _NUMBERS, _TIMES, _OPENINGS, _SECONDS),
    _SETTLED,
    st.builds(Pending, _NUMBERS, _TIMES, _OPENINGS, st.just("shutdown"), _TEXT),
    st.builds(Invocation, _NUMBERS, _TIMES, _TEXT, _NUMBERS, _NUMBERS),
    st.builds(Instance, _NUMBERS, _TIMES, _TEXT, _NUMBERS, _NUMBERS, st.none() | st.floats()),
    st.builds(
        Rollup, _NUMBERS, _TIMES, _KINDS, _TEXT, _TEXT, _NUMBERS,
        st.lists(st.tuples(_NUMBERS, _NUMBERS)).map(tuple),
    ),
)  # fmt: skip
_ENVELOPE = Envelope(bytes(range(16)), {"service.name": "sh\udc00op", "n": 1, "f": 0.5}, "1")


def parsed(encoded: str) -> dict[str, Any]:
    """One record, out of a request that a strict reader takes."""
    body = _ENVELOPE.wrap([encoded, encoded])
    assert b"\n" not in body
    request = json.loads(body.decode("utf-8", "strict"))
    records = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert records[0] == records[1]
    for record in records:  # ids are hex in OTLP/JSON, where protobuf's own JSON has base64
        record.pop("traceId", None)
        record.pop("spanId", None)
    json_format.ParseDict(request, ExportLogsServiceRequest())
    plain: dict[str, Any] = records[0]
    return plain


def attributes(encoded: str) -> dict[str, Any]:
    return {
        attribute["key"]: next(iter(attribute["value"].values()))
        for attribute in parsed(encoded)["attributes"]
    }


@given(_RECORDS)
def test_whatever_goes_in_a_strict_reader_takes_it(record: Record) -> None:
    """Lone surrogates, control characters, NaN and infinity, ids of any size."""
    plain = parsed(encode(record))
    assert plain["timeUnixNano"] == str(record.at_ns)
    assert attributes(encode(record))[names.SEQUENCE] == str(record.sequence)


@given(_SETTLED, _NUMBERS)
def test_a_folded_record_tells_all_that_its_parts_told(settled: Settled, started: int) -> None:
    """Opening and closing in one; what both say is said once."""
    folded = attributes(encode_folded(settled, started))
    opening = attributes(encode(settled.opening))
    closing = attributes(encode(settled))
    del opening[names.SEQUENCE]
    extra = {names.FOLDED: True, names.STARTED_SEQUENCE: str(started)}
    assert folded == {**opening, **closing, **extra}


_KIND = TaskKind("receipt", "asyncio", "app", "shop.receipt")
_OPENING = Opening(
    5, 1_700_000_000_123_456_789, _KIND, 1_700_000_060.5, 1.5, "/orders/{id}", "inv-1",
    0xABC, 0xDEF, 0x123, True, "aa-bb", "cc-1", '{"value":1}',
)  # fmt: skip


def test_an_opening() -> None:
    """Every attribute by its name; ids as fields."""
    encoded = encode(_OPENING)
    assert attributes(encoded) == {
        names.SEQUENCE: "5",
        names.NAME: "receipt",
        names.PLATFORM: "asyncio",
        names.ORIGIN: "app",
        names.CODE_FUNCTION: "shop.receipt",
        names.PARENT_SPAN_ID: "0000000000000123",
        names.DEADLINE: 1_700_000_060.5,
        names.GUARD_LEAD: 1.5,
        names.HTTP_ROUTE: "/orders/{id}",
        names.INVOCATION_ID: "inv-1",
        names.LINKS: "aa-bb",
        names.DEAD_LETTER: "cc-1",
        names.PAYLOAD: '{"value":1}',
    }
    record = json.loads(encoded)
    assert (record["eventName"], record["severityNumber"]) == ("deferred_task.scheduled", 9)
    assert record["traceId"] == f"{0xABC:032x}"
    assert (record["spanId"], record["flags"]) == (f"{0xDEF:016x}", 1)


def test_a_closing_stands_on_its_own() -> None:
    """Name, platform, origin and scheduled time are told again; a failure is severe."""
    failure = Failure("KeyError", "KeyError", "message", "stack", "where")
    settled = Settled(7, 1, _OPENING, "failed", "exception", 0.25, 0.125, failure)
    assert attributes(encode(settled)) == {
        names.SEQUENCE: "7",
        names.OPENING_SEQUENCE: "5",
        names.SCHEDULED_TIME: pytest.approx(1_700_000_000.123456789, abs=1e-6),
        names.OUTCOME: "failed",
        names.REASON: "exception",
        names.ERROR_TYPE: "KeyError",
        names.EXCEPTION_TYPE: "KeyError",
        names.EXCEPTION_MESSAGE: "message",
        names.EXCEPTION_STACKTRACE: "stack",
        names.AWAITING: "where",
        names.DURATION: 0.25,
        names.START_DELAY: 0.125,
        names.NAME: "receipt",
        names.PLATFORM: "asyncio",
        names.ORIGIN: "app",
    }
    assert json.loads(encode(settled))["severityNumber"] == 17


def test_a_completed_tasks_payload_is_not_sent() -> None:
    """Folded, nobody would read it; a failed one's is."""
    completed = Settled(7, 1, _OPENING, "completed", "completed")
    assert names.PAYLOAD not in attributes(encode_folded(completed))
    failed = Settled(7, 1, _OPENING, "failed", "exception")
    assert names.PAYLOAD in attributes(encode_folded(failed))


def test_a_shed_payload_says_why() -> None:
    """The opening without it is another value; one that has none is the same."""
    shed = without_payload(_OPENING, "no room")
    assert attributes(encode(shed))[names.PAYLOAD_OMITTED] == "no room"
    assert without_payload(shed, "again") is shed


def test_a_line_is_one_record_and_one_newline() -> None:
    """What a spool's segment holds: each line a whole request."""
    line = _ENVELOPE.line(encode(_OPENING))
    assert line.endswith(b"\n")
    scope = json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["scope"]
    assert scope["attributes"] == [
        {"key": names.STREAM, "value": {"stringValue": bytes(range(16)).hex()}}
    ]

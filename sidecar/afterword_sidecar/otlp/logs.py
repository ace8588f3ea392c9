"""Log records to facts: the loop over a request's records, which is the sidecar's hot path.

Measured on 2 cores with CPython 3.11, batches of 100 and 500 records as our instrumentation writes
them (openings with 10 attributes, closings with 10, 883 bytes a record), microseconds a record,
least of 300 runs; ``benchmarks/decode.py`` measures what is kept of these:

    JSON to facts, all of it                             2.9 to 3.1
      of which msgspec, into the structs of ``familiar`` 1.3 to 1.4
      the same with values as dicts                      1.9
      the same with attributes as dicts                  2.4
      msgspec without types                              2.7
      the standard library                               4.5
    JSON record by record, after one that is broken      22
    protobuf to facts                                    10.5
    spool lines to facts (one request a line)            4.0; each on its own 8.2
"""

from collections.abc import Iterable
from typing import Final

from afterword import names
from afterword_sidecar.ledger.facts import FOREIGN_SCHEDULED, MAX_SEQUENCE, Fact, Source
from afterword_sidecar.otlp.decoded import Gathering
from afterword_sidecar.otlp.log_evidence import EVENTS, Event
from afterword_sidecar.otlp.origin import Origin, origin_of
from afterword_sidecar.otlp.scoped import Scoped
from afterword_sidecar.otlp.shapes import ABSENT, LogRecord
from afterword_sidecar.otlp.values import (
    Attributes,
    Rejected,
    integer,
    span_id,
    trace_id,
    unix_seconds,
)

_OURS: Final = "deferred_task."


def gather_logs(
    scopes: Iterable[Scoped[LogRecord]], gathering: Gathering, received_at: float
) -> None:
    """Make facts of all evidence in ``scopes``; count the rest."""
    for scoped in scopes:
        if not scoped.readable:
            gathering.reject("bad_resource", len(scoped.records))
            continue
        origin = origin_of(scoped.resource, scoped.scope)
        if origin.stream:
            facts = gathering.facts_of(origin.source(origin.stream))
            gather_stream(scoped.records, facts, gathering, received_at)
        else:
            _gather_others(scoped.records, origin, gathering, received_at)


def gather_stream(
    records: Iterable[LogRecord | None],
    facts: list[Fact],
    gathering: Gathering,
    received_at: float,
) -> None:
    """Records of our own instrumentation: every step here is paid for by every record."""
    for record in records:
        try:
            if record is not None and (event := EVENTS.get(record.event_name)) is not None:
                attributes = event.common.copy()
                for kv in record.attributes or ():
                    attributes[kv.key] = kv.value
            else:
                event, attributes = _uncommon(record)
                if event is None or record is None:
                    gathering.ignored += 1
                    continue
            facts.append(fact_of(record, attributes, event, received_at))
        except Rejected as rejected:
            gathering.reject(rejected.reason)


def fact_of(record: LogRecord, attributes: Attributes, event: Event, received_at: float) -> Fact:
    """The fact a record of our own instrumentation tells. Raises ``Rejected``.

    ``attributes``: over a copy of ``event.common``.
    """
    value = attributes[names.SEQUENCE]
    sequence = value.int_value or integer(value, "bad_sequence") or 0
    if not 0 < sequence <= MAX_SEQUENCE:
        raise Rejected("bad_sequence")
    opening = 0
    if event.follows_opening:
        value = attributes[names.OPENING_SEQUENCE]
        opening = value.int_value or integer(value, "bad_sequence") or 0
        if not 0 < opening < sequence:
            raise Rejected("bad_sequence")
    nanoseconds = record.time_unix_nano
    at = unix_seconds(nanoseconds) if nanoseconds else _time_of(record, received_at)
    return event.read(record, attributes, sequence, opening, at)


def _gather_others(
    records: Iterable[LogRecord | None], origin: Origin, gathering: Gathering, received_at: float
) -> None:
    """Records of foreign SDKs, and those of a scope whose stream is malformed."""
    for record in records:
        try:
            event, attributes = _uncommon(record)
            if event is None or record is None:
                gathering.ignored += 1
                continue
            source, fact = _foreign(record, attributes, event, origin, received_at)
            gathering.facts_of(source).append(fact)
        except Rejected as rejected:
            gathering.reject(rejected.reason)


def _foreign(
    record: LogRecord, attributes: Attributes, event: Event, origin: Origin, received_at: float
) -> tuple[Source, Fact]:
    if origin.stream is not None:
        raise Rejected("bad_stream")
    trace, span = trace_id(record.trace_id), span_id(record.span_id)
    if not (trace and span and event.foreign_sequence):
        raise Rejected("no_identity")
    opening = FOREIGN_SCHEDULED if event.follows_opening else 0
    at = _time_of(record, received_at)
    fact = event.read(record, attributes, event.foreign_sequence, opening, at)
    return origin.source(trace + span), fact


def _time_of(record: LogRecord, received_at: float) -> float:
    nanoseconds = record.time_unix_nano or record.observed_time_unix_nano
    return unix_seconds(nanoseconds) if nanoseconds else received_at


def _uncommon(record: LogRecord | None) -> tuple[Event | None, Attributes]:
    """How to read a record of any sender; ``None`` if it is not about deferred tasks.

    Raises ``Rejected`` for an event that should be, and is not known.
    """
    if record is None:
        raise Rejected("malformed")
    name = record.event_name
    if name and not name.startswith(_OURS):
        return None, {}
    attributes = {kv.key: kv.value for kv in record.attributes or ()}
    if not name:
        name = attributes.get(names.EVENT_NAME, ABSENT).string_value
    event = EVENTS.get(name)
    if event is not None:
        return event, event.common | attributes
    if name and name.startswith(_OURS) and name != names.EVENT_VERDICT:
        raise Rejected("unknown_event")
    return None, attributes

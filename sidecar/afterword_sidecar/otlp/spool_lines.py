"""Lines of a spool: each a whole request with one log record, all behind the same prefix.

What comes before the record (resource and scope) is repeated byte for byte, so it is read once, and
of the lines after it the record alone.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from afterword_sidecar.ledger.facts import Fact
from afterword_sidecar.otlp.decoded import Decoded, Gathering
from afterword_sidecar.otlp.errors import OtlpError
from afterword_sidecar.otlp.json_encoding import JSON_LOGS, REFUSALS, read_json
from afterword_sidecar.otlp.limits import DEFAULT_LIMITS, DecodeLimits
from afterword_sidecar.otlp.logs import gather_logs, gather_stream
from afterword_sidecar.otlp.origin import origin_of
from afterword_sidecar.otlp.scoped import Scoped
from afterword_sidecar.otlp.shapes import LogRecord

# Inside a JSON string its quotes would be escaped: where this occurs, it is the key.
_BEFORE_RECORD: Final = b'"logRecords":['
_AFTER_RECORD: Final = b"]}]}]}"
# No short cut for whole lines: what they come to is compared with a ``LogRecord``.
_LINES: Final = JSON_LOGS._replace(requests=JSON_LOGS.requests[-1:])
_record: Final = msgspec.json.Decoder(LogRecord, strict=False)


class _Prefix(NamedTuple):
    """The bytes before a record, and where its facts belong."""

    raw: bytes
    facts: list[Fact]


def decode_spool_lines(
    lines: Iterable[bytes], received_at: float, limits: DecodeLimits = DEFAULT_LIMITS
) -> Decoded:
    """Evidence in lines of a spool, without their ends; ``same_clock`` batches in their order.

    Never raises: a line that is not OTLP (torn by a crash or a full disk) is ``rejected`` as
    ``malformed``.
    """
    gathering = Gathering()
    prefix: _Prefix | None = None
    for line in lines:
        if prefix is not None and (record := _after(prefix.raw, line)) is not None:
            gather_stream((record,), prefix.facts, gathering, received_at)
            continue
        try:
            scopes = read_json(line, _LINES, limits)
        except OtlpError:
            gathering.reject("malformed")
            continue
        gather_logs(scopes, gathering, received_at)
        prefix = _prefix_of(line, scopes, gathering)
    return gathering.decoded(received_at, same_clock=True)


def _after(prefix: bytes, line: bytes) -> LogRecord | None:
    """The record of a line with the same prefix; ``None`` if it has another, or is not plain."""
    if not (line.startswith(prefix) and line.endswith(_AFTER_RECORD)):
        return None
    try:
        return _record.decode(line[len(prefix) : -len(_AFTER_RECORD)])
    except REFUSALS:
        return None


def _prefix_of(
    line: bytes, scopes: list[Scoped[LogRecord]], gathering: Gathering
) -> _Prefix | None:
    """What later lines may share with this one: all up to its record."""
    end = line.find(_BEFORE_RECORD) + len(_BEFORE_RECORD)
    if len(scopes) != 1 or not scopes[0].readable or end < len(_BEFORE_RECORD):
        return None
    if [_after(line[:end], line)] != scopes[0].records:
        return None
    origin = origin_of(scopes[0].resource, scopes[0].scope)
    if not origin.stream:
        return None
    return _Prefix(line[:end], gathering.facts_of(origin.source(origin.stream)))

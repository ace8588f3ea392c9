"""What every fact promises to those downstream, who check nothing again."""

import math

import msgspec

from afterword import names
from afterword_sidecar.ledger.facts import (
    FOREIGN_STREAM_BYTES,
    MAX_SEQUENCE,
    STREAM_BYTES,
    Fact,
    Rollup,
    Settled,
    SpanEnded,
)
from afterword_sidecar.otlp import REASONS, Decoded

_LONGEST = 256 * 1024


def check(decoded: Decoded) -> None:
    """Raises ``AssertionError`` where a promise of ``facts`` is broken."""
    assert set(decoded.rejected) <= set(REASONS)
    assert min(decoded.rejected.values(), default=1) > 0
    for batch in decoded.batches:
        assert batch.facts
        assert len(batch.source.stream) in (STREAM_BYTES, FOREIGN_STREAM_BYTES)
        for value in (batch.source.service, batch.source.instance):
            _check_value(value)
        for fact in batch.facts:
            _check_fact(fact)


def _check_fact(fact: Fact) -> None:
    assert type(fact.sequence) is int
    assert 0 < fact.sequence <= MAX_SEQUENCE
    for value in msgspec.structs.astuple(fact):
        _check_value(value)
    if isinstance(fact, Settled | SpanEnded | Rollup):
        assert fact.reason in (*names.REASONS[fact.outcome], names.OTHER_REASON)
    if isinstance(fact, Rollup):
        assert 0 < fact.count <= sum(last - first + 1 for first, last in fact.ranges)


def _check_value(value: object) -> None:
    if isinstance(value, str):
        value.encode()  # a lone surrogate raises
        assert "\0" not in value
        assert len(value) <= _LONGEST
    elif isinstance(value, float):
        assert math.isfinite(value)
        assert value >= 0
    elif isinstance(value, bytes):
        assert len(value) in (0, 8, 16)

"""The book's counters and histograms: one row each, replaced by its new value."""

from collections.abc import Sequence
from typing import Final

import msgspec

from afterword_sidecar.ledger.records import Total
from afterword_sidecar.stores.sqlite.connection import Connection

_ALL: Final = "SELECT metric, labels, value, created FROM totals"
_PUT: Final = """
INSERT INTO totals (metric, labels, value, created) VALUES (?, ?, ?, ?)
ON CONFLICT (metric, labels) DO UPDATE SET value = excluded.value, created = excluded.created
"""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(float | tuple[float, ...]).decode
_encode_labels: Final = msgspec.json.Encoder().encode
_decode_labels: Final = msgspec.json.Decoder(tuple[str, ...]).decode


def put(connection: Connection, totals: Sequence[Total]) -> None:
    """Store new values."""
    connection.executemany(
        _PUT,
        [
            (each.metric, _encode_labels(each.labels).decode(), _encode(each.value), each.created)
            for each in totals
        ],
    )


def load(connection: Connection) -> list[Total]:
    """All totals."""
    return [
        Total(metric, _decode_labels(labels), _decode(value), created)
        for metric, labels, value, created in connection.execute(_ALL)
    ]

"""What each stream has told, and which streams were known once."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from afterword_sidecar.ledger.records import StreamState
from afterword_sidecar.stores.limits import RETIRED_AT_MOST
from afterword_sidecar.stores.sqlite.connection import Connection
from afterword_sidecar.stores.sqlite.interning import Interned

_ALL: Final = "SELECT state FROM streams"
_PUT: Final = """
INSERT INTO streams (stream, state) VALUES (?, ?)
ON CONFLICT (stream) DO UPDATE SET state = excluded.state
"""
_DROP: Final = "DELETE FROM streams WHERE stream = ?"
_RETIRED: Final = "SELECT stream FROM retired ORDER BY number"
_RETIRE: Final = "INSERT INTO retired (stream) VALUES (?) ON CONFLICT (stream) DO NOTHING"
_FORGET: Final = """
DELETE FROM retired WHERE number <= (SELECT max(number) FROM retired) - ?
"""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(StreamState).decode


def put(connection: Connection, states: Sequence[StreamState]) -> None:
    """Store streams whole; an older state is replaced."""
    connection.executemany(_PUT, [(state.source.stream, _encode(state)) for state in states])


def retire(connection: Connection, streams: Sequence[bytes]) -> None:
    """Keep nothing of ``streams`` but that they were known; forget the oldest beyond the limit."""
    if streams:
        bare = [(stream,) for stream in streams]
        connection.executemany(_DROP, bare)
        connection.executemany(_RETIRE, bare)
        connection.execute(_FORGET, (RETIRED_AT_MOST,))


def load(connection: Connection, interned: Interned) -> list[StreamState]:
    """All streams that are not retired."""
    states = (_decode(state) for (state,) in connection.execute(_ALL))
    return [replace(state, source=interned.source(state.source)) for state in states]


def retired(connection: Connection) -> list[bytes]:
    """The retired streams, oldest first."""
    return [bytes(stream) for (stream,) in connection.execute(_RETIRED)]

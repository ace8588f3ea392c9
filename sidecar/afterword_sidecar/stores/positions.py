"""Where a page of dead letters ended: a position in their order, and the cursor that names it.

The order is newest first: by the time of the verdict, then by key, both descending. A cursor holds
a position and not an offset, so that letters that come or go meanwhile neither repeat nor hide one.
"""

import base64
import binascii
import math
import struct
import zlib
from typing import Final

from afterword_sidecar.ledger.facts import FOREIGN_STREAM_BYTES, STREAM_BYTES
from afterword_sidecar.ledger.records import DeadLetter, TaskKey
from afterword_sidecar.stores.contract import DeadLetterQuery

Position = tuple[float, bytes, int]
"""(pronounced at, stream, sequence): compares as the letters are ordered, ascending."""

BEFORE_ALL: Final[Position] = (math.inf, b"", 0)
"""Newer than any letter: where the first page begins."""

_HEAD: Final = struct.Struct(">dQ")
_CHECK: Final = struct.Struct(">I")
_STREAM_LENGTHS: Final = (STREAM_BYTES, FOREIGN_STREAM_BYTES)


def position_of(letter: DeadLetter) -> Position:
    """Where ``letter`` stands."""
    stream, sequence = letter.settled.key
    return (letter.settled.verdict.at, stream, sequence)


def cursor_of(position: Position) -> str:
    """``position`` as URL-safe text."""
    at, stream, sequence = position
    body = _HEAD.pack(at, sequence) + stream
    return base64.urlsafe_b64encode(body + _CHECK.pack(zlib.crc32(body))).decode().rstrip("=")


def beginning_of(query: DeadLetterQuery) -> Position:
    """The position before the first letter that ``query`` asks for.

    Raises ``ValueError`` for a cursor that no page of ours ever gave out, or a limit below 1.
    """
    if query.limit < 1:
        raise ValueError(f"limit {query.limit} of a page of dead letters must be 1 or more")
    return _position_from(query.cursor)


def _position_from(cursor: str) -> Position:
    if not cursor:
        return BEFORE_ALL
    refusal = ValueError(
        f"cursor {cursor[:80]!r} is not one that a page of dead letters gave; "
        "leave it out to begin with the newest"
    )
    try:
        raw = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, UnicodeEncodeError) as error:
        raise refusal from error
    body, check = raw[: -_CHECK.size], raw[-_CHECK.size :]
    if len(body) - _HEAD.size not in _STREAM_LENGTHS or _CHECK.pack(zlib.crc32(body)) != check:
        raise refusal
    at, sequence = _HEAD.unpack_from(body)
    return (at, body[_HEAD.size :], sequence)


def key_from(letter_id: str) -> TaskKey | None:
    """The key that a dead letter's id (``stream-sequence``) names; ``None`` if it names none."""
    stream, dash, sequence = letter_id.partition("-")
    decimal = sequence.isascii() and sequence.isdigit() and len(sequence) <= len(str(2**63))
    if not dash or not decimal or int(sequence) >= 2**63:
        return None
    try:
        return (bytes.fromhex(stream), int(sequence))
    except ValueError:
        return None

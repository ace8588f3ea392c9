"""What the receiver takes at most, from one client and from all of them."""

from typing import Final

import msgspec

OPERATORS_KEEPALIVE_SECONDS: Final = 120.0
"""A connection to the operators' port that is idle for so long is closed: one that Prometheus uses
once a minute is kept."""


class ReceiverLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes before and after inflation, and the patience with slow senders."""

    body_bytes: int = 20 * 2**20
    """Of one body as it is sent. More: 413."""
    inflated_bytes: int = 64 * 2**20
    """Of one body once inflated. More: 413."""
    all_bodies_bytes: int = 64 * 2**20
    """Of all bodies being read or waiting to be decoded. More: 503. Large ones take
    turns to be inflated and decoded, so the peak is this and one ``inflated_bytes``."""
    inline_bytes: int = 512 * 2**10
    """Inflated and decoded on the loop up to this size (about 4 ms); larger ones in a thread."""
    large_bodies: int = 16
    """Larger ones taking turns in that thread. More: 503, as the last would wait too long."""
    body_seconds: float = 30.0
    """A body not here whole after so long: the request is closed."""
    keepalive_seconds: float = 30.0
    """A connection idle for so long, or with half-sent headers, is closed."""
    lingering_seconds: float = 5.0
    """How long the rest of a refused body is read and thrown away, so that the client, still
    sending, gets to read its answer instead of a reset."""
    retry_after_seconds: float = 1.0
    """What a client is told when there is no room."""

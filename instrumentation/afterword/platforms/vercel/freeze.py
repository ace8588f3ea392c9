"""Delivery before a freeze: an invocation's last moment, bounded, and never on its event loop."""

from typing import Final

from afterword import off_loop, stream

PATIENCE_SECONDS: Final = 1.0
"""The longest that an invocation's end waits for its evidence to be taken."""
SHORT_PATIENCE_SECONDS: Final = 0.2
"""The same once a delivery has failed, until one succeeds: a sidecar that is gone costs little."""

_patience_seconds = PATIENCE_SECONDS


async def deliver(seconds_left: float | None) -> bool:
    """Deliver all evidence told so far, within our patience and the time left to the invocation.

    What is not delivered stays in memory, and leaves when the process is next awake.
    """
    global _patience_seconds  # noqa: PLW0603 - learnt by a process, from one sidecar
    if stream.flush(0.0):
        return True
    seconds = _patience_seconds if seconds_left is None else min(_patience_seconds, seconds_left)
    if seconds <= 0:
        return False
    delivered = await off_loop.flush(seconds)
    _patience_seconds = PATIENCE_SECONDS if delivered else SHORT_PATIENCE_SECONDS
    return delivered

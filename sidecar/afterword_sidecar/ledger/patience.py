"""How long silence proves nothing: after a start, and after the sidecar itself was away.

Clients may be waiting to try again, with evidence of what ended meanwhile. A stream that has spoken
since is past its pause, and sends what it holds at once; one that has not may pause for long yet.
"""

from typing import Final

import msgspec

from afterword_sidecar.ledger.limits import Limits

_SETTLING_SECONDS: Final = 5.0
"""For a stream that has spoken since: what it held back follows in order, batch by batch."""


class Patience(msgspec.Struct, frozen=True):
    """Until when nothing is inferred from silence, Unix seconds."""

    since: float = 0.0
    for_those_heard: float = 0.0
    for_the_silent: float = 0.0

    def until(self, last_heard_at: float) -> float:
        """For a stream that was last heard then."""
        return self.for_the_silent if last_heard_at <= self.since else self.for_those_heard

    def after(self, stall_seconds: float, now: float, limits: Limits) -> "Patience":
        """The patience from now on, the sidecar having been away for so long."""
        pause = limits.client_backoff_seconds
        return Patience(
            since=now,
            for_those_heard=now + min(_SETTLING_SECONDS, pause),
            for_the_silent=max(self.for_the_silent, now + max(stall_seconds, pause)),
        )

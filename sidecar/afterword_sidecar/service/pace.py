"""How much may wait, and how long things may take."""

import msgspec


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The writer's settings. The defaults suit a sidecar; tests set them to nothing or for ever."""

    queue_bytes: int = 64 * 2**20
    """More than this waiting to be booked: ``Overloaded``."""
    queue_submissions: int = 10_000
    facts_per_commit: int = 20_000
    """About; what is beyond it waits for the next commit."""
    overload_retry_seconds: float = 1.0
    first_retry_seconds: float = 0.1
    """Pause after a failed commit; doubled with each further failure."""
    longest_retry_seconds: float = 5.0
    stall_seconds: float = 5.0
    """A gap in the sidecar's own time of more than this puts deadlines and leases off."""
    stop_seconds: float = 10.0
    """How long a stop goes on trying to commit what was applied."""
    view_age_seconds: float = 1.0
    """What is shown while the store fails is at most this much older than the last commit; and
    whoever asks waits at most this long for a slow commit before the earlier one is shown."""
    prune_interval_seconds: float = 60.0
    settled_kept: int = 1_000
    """Length of ``recently_settled``."""

"""Why evidence was not taken, and when to come again.

    Refused
    ├── Overloaded         the queue is full, or the sidecar is stopping
    └── StoreUnavailable   the store fails; nothing is taken until it works again

A refusal is not a loss: the sender still has its evidence, and sends it again.
"""


class Refused(Exception):  # noqa: N818 - the name of a fact; both kinds are the sender's to retry
    """Evidence was not taken. ``retry_after_seconds``: when to try again, at the earliest."""

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Overloaded(Refused):
    """More is waiting than may wait."""


class StoreUnavailable(Refused):
    """What was sent could not be made durable."""

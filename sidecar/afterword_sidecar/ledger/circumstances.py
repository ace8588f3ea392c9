"""What the rules need to know of a task's stream, and when time alone makes a task due. Pure."""

import msgspec

from afterword import names
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.ledger.records import Missing, OpenTask


class Circumstances(msgspec.Struct, frozen=True, gc=False):
    """A stream as it stands at the moment of judging one of its tasks."""

    offset_seconds: float = 0.0
    """The sidecar's clock less the stream's, as it was set when the task was opened."""
    alive_at: float = 0.0
    """When its process was last known to live, by the sidecar's clock; 0 if that is not known."""
    lock_fell_at: float = 0.0
    spool_gone_at: float = 0.0
    """When its spool was found gone with its lock: whether the process lives cannot be asked."""
    down_at: float = 0.0
    down_sequence: int = 0
    lease_until: float = 0.0
    death_will_show: bool = False
    """Its process holds a lock that falls when it dies, or has promised to beat until then."""
    vouched_at: float = 0.0
    """When the process last showed that the task is under way; 0 where it cannot have."""
    hold_until: float = 0.0
    """Nothing is inferred from silence before this (after a start or a stall)."""
    hole_after_opening: bool = False
    hole_within_invocation: bool = False
    """A number is missing between the opening and the record of the invocation's end."""
    settled_missing: bool = False
    """Closings are missing, as the stream's totals or its lock file say."""
    missing: Missing | None = None
    """What is missing after the opening, if both of these hold."""


def due_at(
    task: OpenTask,
    offset_seconds: float,
    limits: Limits,
    *,
    death_will_show: bool,
    vouched_at: float,
) -> float:
    """When time alone makes the task due, on the sidecar's clock.

    A task without a deadline may live as long as its process vouches for it, and the longest life
    beyond. A process that said it is stopping is not waited for as long as one that runs, unless it
    will show when it is gone. A deadline further away than a stream is remembered cannot be waited
    for: such a task falls due as if it had none, after that retention.
    """
    heard_at = max(task.heard_at, vouched_at)
    forgotten_at = heard_at + limits.stream_retention_seconds
    if task.deadline is None:
        due = heard_at + limits.longest_life_seconds
    else:
        due = task.deadline + offset_seconds + limits.grace_seconds
    if task.notes.pending_reason == names.PENDING_SHUTDOWN and not death_will_show:
        due = min(due, task.heard_at + limits.shutdown_patience_seconds)
    return min(due, forgotten_at)

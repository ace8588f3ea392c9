"""What is counted about going upstream. Plain numbers: the loop writes them, anyone reads them."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

QUEUE_FULL: Final = "queue_full"
REFUSED: Final = "refused"
UNREADABLE: Final = "unreadable"
GAVE_UP: Final = "gave_up"
STOPPED: Final = "stopped"
LOOP: Final = "loop"
DROP_REASONS: Final = {
    QUEUE_FULL: "more waits than may",
    REFUSED: "upstream said that it would never take it",
    UNREADABLE: "it holds evidence that could not be taken out of it, or cannot be re-encoded",
    GAVE_UP: "upstream did not take it for too long",
    STOPPED: "the sidecar stopped before it could be sent",
    LOOP: "it was passed on by this sidecar before: upstream leads back here",
}
"""Why a request is dropped. Closed: the reasons are label values."""


@dataclass(slots=True)
class UpstreamStats:
    """Counters never fall; the rest is as of now. Keys are signals, or (signal, reason)."""

    sent: Counter[str] = field(default_factory=Counter)
    """Requests that upstream took, ours among them."""
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests."""
    retries: Counter[str] = field(default_factory=Counter)
    records_rejected: Counter[str] = field(default_factory=Counter)
    """Records in requests that were taken all the same (``partial_success``)."""
    queue_requests: Counter[str] = field(default_factory=Counter)
    queue_bytes: Counter[str] = field(default_factory=Counter)
    failing: set[str] = field(default_factory=set)
    """Signals whose last try failed."""
    verdicts_sent: int = 0
    verdicts_dropped: int = 0
    """Of tasks that left no dead letter, or that upstream refused; losses wait in the store."""
    missing_spans_sent: int = 0
    verdicts_unpublished: int = 0
    """Losses that wait in the store, as of the last look."""
    internal_errors: int = 0

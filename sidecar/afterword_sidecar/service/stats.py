"""What the sidecar counts about itself. Plain numbers: the loop writes them, anyone reads them."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

COMMIT_SECONDS_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(slots=True)
class ServiceStats:
    """Counters never fall; the rest is as of now."""

    submissions: int = 0
    records_accepted: int = 0
    records_duplicate: int = 0
    records_rejected: Counter[str] = field(default_factory=Counter)
    """By reason: the decoder's and the book's."""
    refused: Counter[str] = field(default_factory=Counter)
    """Submissions not taken: ``overloaded``, ``store_unavailable``, ``stopping``."""
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Answers of the receiver by (signal, status); signal is ``logs``, ``traces``, ``other`` …"""
    passed_by: Counter[str] = field(default_factory=Counter)
    """Records that are not about deferred tasks, by signal."""
    queue_submissions: int = 0
    queue_bytes: int = 0
    commit_seconds_buckets: list[int] = field(
        default_factory=lambda: [0] * (len(COMMIT_SECONDS_BOUNDS) + 1)
    )
    """Not cumulative; the last bucket is +Inf. Bounds: ``COMMIT_SECONDS_BOUNDS``."""
    commit_seconds_sum: float = 0.0
    commits_failed: int = 0
    store_failing_since: float | None = None
    """Unix seconds of the first failure in a row; ``None`` while the store works."""
    store_error: str = ""
    stalls: int = 0
    """How often the sidecar itself stood still, so that deadlines and leases were put off."""
    internal_errors: int = 0
    """Bugs of ours that were caught. More than 0 deserves a report."""

    @property
    def commits(self) -> int:
        """Commits that succeeded."""
        return sum(self.commit_seconds_buckets)

    def committed(self, seconds: float) -> None:
        """Count one successful commit that took ``seconds``."""
        self.commit_seconds_buckets[bisect_left(COMMIT_SECONDS_BOUNDS, seconds)] += 1
        self.commit_seconds_sum += seconds

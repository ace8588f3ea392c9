"""What the spool reader counts about itself. Plain numbers: it writes them, anyone reads them."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class SpoolStats:
    """Counters never fall and begin at the start; the rest is as of the last look."""

    streams_watched: int = 0
    """Processes whose lock is held."""
    streams_ended: int = 0
    """Streams whose lock fell, whose evidence is booked, and whose end is committed."""
    bytes_read: int = 0
    lines_read: int = 0
    """Complete lines, good and bad."""
    lines_skipped: Counter[str] = field(default_factory=Counter)
    """Lines and records without effect, by reason: ``torn``, ``too_long``, ``foreign_stream``,
    ``passed_by`` (not about deferred tasks), ``not_taken`` (a bug), or one of the decoder's."""
    segments_deleted: int = 0
    refusals: int = 0
    """Times the book could not take what was read, which was kept and brought again."""
    files_unreadable: int = 0
    """Locks and segments that cannot be read now: permissions, or not a regular file."""
    unread_bytes: int = 0
    behind_since: float | None = None
    """Everything written before this moment (Unix seconds) is booked, and something after it is
    not; ``None`` when nothing is left to read. 0: the first reading after the start goes on."""
    problem: str = ""
    """Why the directory cannot be read now: a detail for the readiness check. Empty: it can."""

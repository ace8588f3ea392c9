"""A group: what is read together, decoded, and submitted as one. Blocking, no async.

Groups are bounded, so that between two of them locks are asked again and memory stays small however
much lies in the directory. A group is kept until it is committed: positions move when it is read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from afterword_sidecar.ledger.facts import Batch
from afterword_sidecar.otlp import decode_spool_lines
from afterword_sidecar.spool.directory import SpoolDirectory
from afterword_sidecar.spool.settings import SpoolSettings
from afterword_sidecar.spool.stats import SpoolStats
from afterword_sidecar.spool.tail import Piece, Segment, StreamTail
from afterword_sidecar.spool.turns import Waiting, share


@dataclass(slots=True)
class Group:
    """Read and decoded, not committed yet."""

    batches: list[Batch] = field(default_factory=list)
    size_bytes: int = 0
    finished: list[tuple[StreamTail, Segment]] = field(default_factory=list)
    errors: list[tuple[str, OSError]] = field(default_factory=list)
    apart: bool = False
    """Its batches are submitted one by one."""


class GroupReader:
    """Makes groups of what a watch found."""

    def __init__(
        self, directory: SpoolDirectory, stats: SpoolStats, settings: SpoolSettings
    ) -> None:
        self._directory = directory
        self._stats = stats
        self._settings = settings
        self._made = 0

    def read(self, tails: Iterable[StreamTail], now: float) -> Group:
        """The next group, empty if there is nothing to read. ``now``: its time of receipt."""
        ripe = [tail for tail in tails if tail.ripe]
        group = Group()
        if not ripe:
            return group
        self._made += 1
        settings = self._settings
        waiting = [Waiting(tail.unread, tail.served) for tail in ripe]
        for index, want in share(
            waiting, budget=settings.group_bytes, quantum=settings.quantum_bytes
        ):
            if group.size_bytes >= 2 * settings.group_bytes:
                break  # very long lines took more than their share
            tail = ripe[index]
            piece = tail.read(self._directory, want, line_limit=settings.line_bytes)
            tail.served = self._made
            group.batches += self._decode(tail.stream, piece.lines, now)
            group.size_bytes += piece.bytes_read
            group.finished += [(tail, segment) for segment in piece.finished]
            group.errors += piece.errors
            self._count(piece)
        return group

    def _decode(self, stream: bytes, lines: list[bytes], now: float) -> list[Batch]:
        """The facts of one stream's lines."""
        skipped = self._stats.lines_skipped
        decoded = decode_spool_lines(lines, now)
        skipped.update(decoded.rejected)
        if decoded.ignored:
            skipped["passed_by"] += decoded.ignored
        # A stream's files speak for that stream alone: its lock vouches for no other.
        batches = [batch for batch in decoded.batches if batch.source.stream == stream]
        if len(batches) < len(decoded.batches):
            facts = sum(len(batch.facts) for batch in decoded.batches)
            skipped["foreign_stream"] += facts - sum(len(batch.facts) for batch in batches)
        return batches

    def _count(self, piece: Piece) -> None:
        stats = self._stats
        stats.bytes_read += piece.bytes_read
        stats.lines_read += len(piece.lines)
        if piece.torn:
            stats.lines_skipped["torn"] += piece.torn
        if piece.too_long:
            stats.lines_skipped["too_long"] += piece.too_long

"""How a spool is read. The defaults suit a sidecar."""

from typing import Self

import msgspec


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Every bound of the reader."""

    poll_seconds: float = 0.05
    """Between looks at locks and files: half the time in which a death is seen, on average. With
    thousands of live streams it stretches, so that looking never takes over a third of a core."""
    group_bytes: int = 1 << 20
    """About; read, decoded and committed together."""
    quantum_bytes: int = 256 << 10
    """The most of a group that a stream with a long backlog is sure to get."""
    line_bytes: int = 1 << 20
    """A longer line is passed over, and counted."""
    descriptors: int | None = None
    """Kept open for locks at most; ``None``: as many as the process may have, less some hundred."""
    alive_seconds: float = 10.0
    """Between two times that the book is told whose locks are held, and that lock files are read
    for what had no room."""
    trouble_pause_seconds: float = 1.0
    """After a round that failed, as the directory could not be read."""

    @classmethod
    def vouching_within(cls, seconds: float) -> Self:
        """Who lives is told of often enough for no task to seem silent for so many seconds."""
        return cls(alive_seconds=min(cls().alive_seconds, seconds / 3))

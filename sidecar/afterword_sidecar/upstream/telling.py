"""What the sidecar tells upstream of its own accord."""

from typing import Final, Literal

import msgspec

Verdicts = Literal["all", "lost", "none"]
VERDICTS: Final[tuple[Verdicts, ...]] = ("all", "lost", "none")
Spans = Literal["all", "sampled", "none"]
SPANS: Final[tuple[Spans, ...]] = ("all", "sampled", "none")


class Telling(msgspec.Struct, frozen=True):
    """Which verdicts are told, and which spans that never came are made up for."""

    verdicts: Verdicts = "all"
    """``lost``: of tasks that left a dead letter only."""
    spans: Spans = "all"
    """``sampled``: only where the rest of the trace was kept."""

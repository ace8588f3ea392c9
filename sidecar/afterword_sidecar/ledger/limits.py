"""What the ledger allows for and keeps at most. Every number has a unit and a reason."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's settings: seconds of patience, and bounds on what a client can make it keep."""

    grace_seconds: float = 2.0
    """Beyond a deadline or a lease: a closing sent in time may still be on its way."""
    longest_life_seconds: float = 3600.0
    """A task without a deadline, not heard of for so long, has expired (rule 14)."""
    shutdown_patience_seconds: float = 60.0
    """A task pending at shutdown over HTTP, not heard of for so long, was dropped (rule 11). Longer
    than the graceful time-outs in common use, which are 30 s."""
    finality_seconds: float = 900.0
    """After so long an inferred verdict is final; a frozen process has mostly thawed by then."""
    client_backoff_seconds: float = 35.0
    """The longest pause of our clients between two tries: after a start, or after the sidecar
    itself stalled, nothing is inferred from silence for at least so long."""
    offset_window_seconds: float = 600.0
    """How far back the least (received - event time) of a stream is looked for."""
    stream_retention_seconds: float = 7 * 86400.0
    """A stream not heard of for so long is forgotten; what it says later is ``stale``."""
    ended_stream_retention_seconds: float = 3600.0
    """The same for a stream whose process is proven dead: it can only be read again."""
    foreign_retention_seconds: float = 3600.0
    """The window in which a foreign task's copies are recognised."""
    hole_patience_seconds: float = 600.0
    """After so long missing evidence is counted as lost; if it comes later it is recovered."""
    tasks_per_service: int = 200
    """Task names that get series of their own, per service; further ones share ``_other``."""
    services: int = 200
    """Services that get series of their own."""
    series_in_all: int = 5000
    """Distinct (service, task, platform, origin)."""
    streams: int = 200_000
    """Streams remembered at once; beyond it idle ones are forgotten early."""
    hole_ranges_per_stream: int = 50_000
    """Separate ranges of missing numbers remembered; the oldest are given up beyond it. A client
    that was cut off tells of up to 20,000 tasks in the order they were opened, and each closing's
    number stands alone until its neighbours come."""
    ahead_per_stream: int = 256
    """Tasks of a stream heard of before their opening came."""
    retired_streams: int = 100_000
    """Forgotten streams remembered by their id alone, to tell ``stale`` from new."""

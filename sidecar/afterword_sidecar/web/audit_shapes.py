"""What the audit answers: shapes of the API, part of its OpenAPI document."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from afterword_sidecar.web.api_shapes import Moment


class SequenceRange(msgspec.Struct, frozen=True):
    """Numbers that are missing, both ends included."""

    first: int
    last: int


class StreamAtFault(msgspec.Struct, frozen=True):
    """A stream of which something is missing, and what."""

    stream: str
    instance: str | None
    state: Annotated[
        Literal["live", "ended", "gone"],
        Meta(description="gone: its spool is, and whether it lives cannot be asked."),
    ]
    why: Annotated[list[str], Meta(description="What is wrong with it, in words.")]
    since: Annotated[Moment | None, Meta(description="When the oldest hole appeared.")]
    last_heard_at: Moment
    highest: Annotated[int, Meta(description="The greatest number it is known to have given.")]
    missing: Annotated[int, Meta(description="How many numbers have not come.")]
    given_up: Annotated[int, Meta(description="How many of them count as lost for good.")]
    ranges: Annotated[list[SequenceRange], Meta(description="The first of them.")]
    range_count: Annotated[int, Meta(description="How many there are.")]
    scheduled_reported: Annotated[int, Meta(description="Tasks handed over, says the stream.")]
    scheduled_arrived: Annotated[int, Meta(description="Of how many of them the book knows.")]
    settled_reported: Annotated[int, Meta(description="Tasks ended, says the stream.")]
    settled_arrived: Annotated[int, Meta(description="Of how many of them the end has come.")]
    closings_lost: Annotated[int, Meta(description="Ends that its spool had no room for.")]
    open_tasks: int


class UnbalancedSeries(msgspec.Struct, frozen=True):
    """A series that does not add up: there is none unless the sidecar has a bug."""

    task: str
    platform: str
    origin: str
    difference: Annotated[float, Meta(description="Scheduled less settled less in flight.")]


class ServiceAudit(msgspec.Struct, frozen=True):
    """Whether the book can be trusted for one service."""

    service: str
    trusted: bool
    balanced: Annotated[bool, Meta(description="Every series of it adds up.")]
    since: Annotated[Moment | None, Meta(description="When its first task was counted.")]
    scheduled: float
    settled: Annotated[float, Meta(description="Net of amendments.")]
    in_flight: int
    streams_live: int
    streams_ended: int
    streams_silent: Annotated[
        int,
        Meta(
            description="Of the live: unheard of for longer than their lease, or 35 seconds, "
            "without a goodbye or a lock. Idle, frozen or gone: what they had not sent, if "
            "anything, nobody knows. No fault."
        ),
    ]
    silent_since: Annotated[
        Moment | None, Meta(description="When the first of those was last heard of.")
    ]
    missing: Annotated[int, Meta(description="Numbers missing now and not given up.")]
    lost: Annotated[float, Meta(description="Numbers given up so far.")]
    recovered: Annotated[float, Meta(description="Numbers that came after they were missing.")]
    rejected: Annotated[
        dict[str, float], Meta(description="Records the book did not take so far, by reason.")
    ]
    unbalanced: list[UnbalancedSeries]
    streams_at_fault: Annotated[list[StreamAtFault], Meta(description="Those that miss most.")]
    streams_left_off: Annotated[int, Meta(description="How many more there are.")]


class Audit(msgspec.Struct, frozen=True):
    """Whether the book can be trusted, by service; what is missing where it cannot."""

    at: Moment
    trusted: bool
    services: list[ServiceAudit]

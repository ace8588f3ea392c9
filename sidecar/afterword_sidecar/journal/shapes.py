"""What a journal's records say. JSON objects, one a line; ``is`` names the kind.

Never in it: payloads, exception messages, stacks, awaited lines, routes, functions, trace ids,
error classes. In it: who told what and when, by number and name, and what the book said of it.
Times are Unix seconds, by the sidecar's clock unless it is evidence's own (``at`` of a fact).
A call of the book is one record (``heard``, ``ended``, ``time`` …); the facts of a ``heard`` follow
it, then the verdicts that the call pronounced. A ``commit`` ends what became durable together.
"""

from typing import Final

import msgspec

FORMAT: Final = 1


class _Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="is"):
    """Defaults are left out of the line."""


# What the sidecar did.


class Standing(_Record, frozen=True, tag="standing"):
    """What holds where a segment begins, so that it can be read without those before it."""

    limits: dict[str, float]
    """Seconds and bounds in force, by their names in the ledger."""
    patience: tuple[float, float, float]
    """(since when, until when for streams heard since, until when for the others)."""
    totals: dict[str, float]
    """The book's; keys as in ``Commit``."""


class Segment(_Record, frozen=True, tag="segment"):
    """A file begins."""

    format: int
    book: str
    at: float
    pruned_to: int = 0
    """The last record that retention had taken by then."""


class Opened(_Record, frozen=True, tag="opened"):
    """A sidecar took up the book. Silence before it proves nothing."""

    at: float
    version: str
    limits: dict[str, float]
    """As in ``Standing``."""
    open_tasks: int = 0
    streams: int = 0
    """What the book held by then; all of it is in the journal if its first record is here."""
    cut: int = 0
    """Records of a commit that never came to be, removed from the end of the journal."""


class Stalled(_Record, frozen=True, tag="stalled"):
    """The sidecar was away for so long."""

    at: float
    seconds: float


class Time(_Record, frozen=True, tag="time"):
    """Time passed, and something was pronounced for it."""

    at: float


class Heard(_Record, frozen=True, tag="heard"):
    """A stream told facts; so many of them follow."""

    stream: str
    service: str
    received_at: float
    at: float
    facts: int
    instance: str = ""
    same_clock: bool = False
    new: bool = False
    """The first that the book ever heard of it."""


class Refused(_Record, frozen=True, tag="refused"):
    """Facts of a stream that were not taken."""

    stream: str
    at: float
    reason: str
    facts: int


class Ended(_Record, frozen=True, tag="ended"):
    """A process is dead for certain: its lock fell, and its spool was read to the end."""

    stream: str
    at: float
    alive_at: float


class Alive(_Record, frozen=True, tag="alive"):
    """The locks of these streams were seen held."""

    at: float
    streams: list[str]


class SpoolGone(_Record, frozen=True, tag="spool_gone"):
    """A stream's lock and all it wrote are gone: whether it lives cannot be asked."""

    stream: str
    at: float


class RecordsLost(_Record, frozen=True, tag="records_lost"):
    """A spool had no room for some records."""

    stream: str
    at: float
    highest: int
    """The greatest number among them."""
    closings: int
    new: bool = False
    """Nothing was known of the stream before, as it had had no room for one line."""


class Forgotten(_Record, frozen=True, tag="forgotten"):
    """Retention took dead letters: (stream, opening)."""

    letters: list[tuple[str, int]]


class Retired(_Record, frozen=True, tag="retired"):
    """Streams were forgotten after their time, or for want of room."""

    streams: list[str]


class Commit(_Record, frozen=True, tag="commit"):
    """All since the last commit became true together."""

    totals: dict[str, float] = {}
    """New values of what changed: ``scheduled``, ``settled/outcome/reason/basis``,
    ``amended/outcome/reason/outcome/reason`` (from, to), summed over all series."""


class Pruned(_Record, frozen=True, tag="pruned"):
    """Retention takes the records up to this one; its hash is the chain's anchor."""

    up_to: int
    digest: str


# Facts, in the words of the evidence.


class Scheduled(_Record, frozen=True, tag="scheduled"):
    """A task was handed over."""

    sequence: int
    at: float
    task: str
    platform: str = "unknown"
    origin: str = "app"
    deadline: float | None = None
    guard_lead_seconds: float = 0.0
    invocation: str = ""
    dead_letter: str = ""


class Started(_Record, frozen=True, tag="started"):
    """Its first step."""

    sequence: int
    opening_sequence: int
    at: float


class Pending(_Record, frozen=True, tag="pending"):
    """About to be cut off."""

    sequence: int
    opening_sequence: int
    at: float
    reason: str


class Settled(_Record, frozen=True, tag="settled"):
    """It ended, and says how."""

    sequence: int
    opening_sequence: int
    at: float
    task: str
    outcome: str
    reason: str
    platform: str = "unknown"
    origin: str = "app"
    scheduled_at: float | None = None
    start_delay_seconds: float | None = None
    folded: bool = False
    started_sequence: int = 0
    deadline: float | None = None
    invocation: str = ""
    dead_letter: str = ""


class Span(_Record, frozen=True, tag="span"):
    """A foreign span ended."""

    sequence: int
    opening_sequence: int
    at: float
    task: str
    outcome: str
    reason: str
    started_at: float
    platform: str = "unknown"
    origin: str = "app"


class InvocationEnded(_Record, frozen=True, tag="invocation"):
    """An invocation's drain is over."""

    sequence: int
    at: float
    invocation: str
    scheduled: int
    started: int


class Instance(_Record, frozen=True, tag="instance"):
    """The process is up, beats, or goes down."""

    sequence: int
    at: float
    state: str
    scheduled_total: int = 0
    settled_total: int = 0
    lease_seconds: float | None = None


class Rollup(_Record, frozen=True, tag="rollup"):
    """So many tasks that opened and closed the same way."""

    sequence: int
    at: float
    task: str
    outcome: str
    reason: str
    count: int
    ranges: list[tuple[int, int]]
    platform: str = "unknown"
    origin: str = "app"


# What the book said.


class Clock(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The bounds that time was judged by."""

    offset: float
    grace: float
    due: float
    alive_at: float = 0.0
    lock_fell_at: float = 0.0
    lease_until: float = 0.0
    hold_until: float = 0.0


class Verdict(_Record, frozen=True, tag="verdict"):
    """Pronounced, refined, amended, proven or made final by the call before it."""

    stream: str
    opening: int
    task: str
    outcome: str
    reason: str
    basis: str
    rule: int
    at: float
    evidence: list[tuple[str, int, float]]
    """(kind, sequence, time of the evidence)."""
    clock: Clock | None = None
    final: bool = True
    final_at: float = 0.0
    missing: tuple[int, int, int, int, int] | None = None
    """(first, last, how many numbers; closings told of, closings arrived)."""
    was: str = ""
    """``outcome/reason`` before it, where there was a verdict before."""
    replay: bool = False
    """An attempt at a dead letter, and no letter of its own."""


Fact = Scheduled | Started | Pending | Settled | Span | InvocationEnded | Instance | Rollup
FACTS: Final = (Scheduled, Started, Pending, Settled, Span, InvocationEnded, Instance, Rollup)
Deed = (
    Segment
    | Standing
    | Opened
    | Stalled
    | Time
    | Heard
    | Refused
    | Ended
    | Alive
    | SpoolGone
    | RecordsLost
    | Forgotten
    | Retired
    | Commit
    | Pruned
)
Record = Deed | Fact | Verdict

encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(Record).decode

"""What the book holds: open tasks, streams, verdicts, dead letters. Frozen values, no behaviour.

``array_like`` makes them compact as MessagePack, which is how stores keep them: fields are only
ever added at the end, with a default, so that an older book can be read.
"""

from typing import Final

import msgspec

from afterword_sidecar.ledger.facts import Source

TaskKey = tuple[bytes, int]
"""(stream, sequence of the opening)."""


class Series(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The labels tasks are counted under. One object per distinct value: compare by identity."""

    service: str
    task: str
    platform: str
    origin: str

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """(service, task, platform, origin)."""
        return (self.service, self.task, self.platform, self.origin)


class Notes(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What is known of few open tasks. Most share ``NO_NOTES``: their room is another's."""

    links: str = ""
    replay_of: str = ""
    payload_omitted: str = ""
    pending_sequence: int = 0
    pending_at: float = 0.0
    pending_reason: str = ""
    awaiting: str = ""
    invocation_over_sequence: int = 0
    invocation_over_at: float = 0.0


NO_NOTES: Final = Notes()


class OpenTask(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A task that was handed over and has not ended, as far as the book knows.

    ``msgspec.structs.replace`` makes the next version of it. The payload is not here: it is kept
    by the store alone until it is needed (``Changes.payloads``).
    """

    source: Source
    sequence: int
    series: Series
    """The labels it is counted under: ``_other`` where the limit on label values was reached."""
    task: str
    """The true name, whatever the label says."""
    scheduled_at: float
    deadline: float | None = None
    guard_lead_seconds: float = 0.0
    trace: bytes = b""
    """Trace id, span id, parent span id, flags: 16 + 8 + 8 + 1 bytes, or empty. One object, as
    four would cost 120 bytes a task more."""
    invocation: str = ""
    function: str = ""
    route: str = ""
    has_payload: bool = False
    started_sequence: int = 0
    started_at: float = 0.0
    received_at: float = 0.0
    """The sidecar's clock when the opening arrived."""
    heard_at: float = 0.0
    """The sidecar's clock when anything was last heard of this task."""
    notes: Notes = NO_NOTES
    alarm_at: int = 0
    """The second at which the ledger looks at it again. Set anew when a book is opened."""


class Cited(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A piece of evidence a verdict rests on."""

    kind: str
    """An event name of ``names``, or ``span``, ``stream_ended``, ``lease_lapsed``, ``silence``."""
    sequence: int
    at: float
    """The time the evidence itself gives; the sidecar's clock for what it saw itself."""


class ClockBounds(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the sidecar allowed for when it judged by time."""

    offset_seconds: float
    """Its clock less the stream's, at least: network and skew."""
    grace_seconds: float
    due: float
    """Its own clock at which the verdict fell due."""
    alive_at: float = 0.0
    """Its own clock when the process was last known to live; 0 if that is not known."""
    lock_fell_at: float = 0.0
    """Its own clock when the process's lock was found fallen; 0 if it was not."""
    lease_until: float = 0.0
    """Its own clock up to which the last sign of life was to be trusted; 0 without a lease."""
    hold_until: float = 0.0
    """Its own clock before which silence proved nothing (after a start or a stall); 0: always."""


class Missing(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Evidence of a stream that is known to be missing: what ``evidence_lost`` rests on."""

    first: int
    last: int
    """The sequence numbers between which all holes after the opening lie."""
    numbers: int
    """How many are missing between them."""
    settled_reported: int
    """How many tasks have settled, by what the stream said at ``reported_sequence`` and since."""
    settled_arrived: int
    """How many of their closings have come."""
    reported_sequence: int = 0


class Verdict(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An outcome with its reason, its basis, the rule and the evidence it rests on."""

    outcome: str
    reason: str
    basis: str
    rule: int
    """The row of the outcome table in ``docs/semantics.md``, 1 to 14."""
    at: float
    """The sidecar's clock when it was pronounced."""
    evidence: tuple[Cited, ...] = ()
    clock: ClockBounds | None = None
    final: bool = True
    """False while proof or time may still show that the task lives."""
    final_at: float = 0.0
    """The sidecar's clock when time made it final; 0 if it was final at once, or is not."""
    missing: Missing | None = None
    """Of ``evidence_lost``: what is missing."""


class SettledTask(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A task whose entry is closed: everything known of it but the payload."""

    opening: OpenTask
    verdict: Verdict
    settled_at: float | None = None
    """When the task itself ended, by its own clock, where it said so."""
    duration_seconds: float | None = None
    error_type: str = ""
    exception_type: str = ""
    exception_message: str = ""
    exception_stacktrace: str = ""
    awaiting: str = ""
    history: tuple[Verdict, ...] = ()
    """Earlier verdicts on this task, oldest first."""

    @property
    def key(self) -> TaskKey:
        """(stream, sequence of the opening)."""
        return (self.opening.source.stream, self.opening.sequence)

    @property
    def id(self) -> str:
        """``stream-sequence``: what a dead letter is called in the API and on a terminal."""
        return f"{self.opening.source.stream.hex()}-{self.opening.sequence}"


class DeadLetter(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A task that did not complete, kept so that it can be read and run again."""

    settled: SettledTask
    closed_at: float | None = None
    """Set once late evidence showed that the task completed after all."""


class Early(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What was heard of a task before its opening arrived (reordered or lost on the way)."""

    opening_sequence: int
    started_sequence: int = 0
    started_at: float = 0.0
    pending_sequence: int = 0
    pending_at: float = 0.0
    pending_reason: str = ""
    awaiting: str = ""
    closed: bool = False
    """Its closing came first and stood on its own: the opening only adds to it."""
    letter: SettledTask | None = None
    """That closing, where it left a dead letter that the opening's payload belongs to."""
    start_delay_seconds: float | None = None


class StreamState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a stream has told so far. Saved whole, with each commit that touched it."""

    source: Source
    highest: int = 0
    """The highest sequence seen."""
    holes: tuple[tuple[int, int], ...] = ()
    """Inclusive ranges below ``highest`` that have not been seen, ascending."""
    ahead: tuple[Early, ...] = ()
    """What came before the opening it speaks of."""
    first_heard_at: float = 0.0
    last_heard_at: float = 0.0
    offset_seconds: float = 0.0
    offset_window: tuple[tuple[float, float], ...] = ()
    """(received at, offset) candidates for the least offset within the window."""
    same_clock: bool = False
    settled_arrived: int = 0
    settled_reported: int = 0
    scheduled_arrived: int = 0
    scheduled_reported: int = 0
    lease_seconds: float = 0.0
    lease_until: float = 0.0
    down_at: float = 0.0
    """The sidecar's clock when the stream said goodbye; 0 if it has not."""
    down_sequence: int = 0
    lock_fell_at: float = 0.0
    """The sidecar's clock when its lock was seen fallen and its spool read to the end."""
    given_up_below: int = 0
    """Holes below this sequence are counted as lost for good (and still welcome if they come)."""
    hole_since: float = 0.0
    """The sidecar's clock when the oldest hole not given up appeared."""
    spanned: tuple[SettledTask, ...] = ()
    """Closed by a foreign span, whatever the outcome: the task's own closing may still amend it."""
    instance_sequence: int = 0
    """Of its latest word about itself: an earlier one that comes later changes nothing."""
    vouched_at: float = 0.0
    """The sidecar's clock when its process last showed that it lives, by a beat or by its lock:
    what is open then, and cannot have lost its closing, is under way."""
    alive_at: float = 0.0
    """When its lock was last seen held before it was seen fallen."""
    spool_gone_at: float = 0.0
    """The sidecar's clock when it was found that its spool is gone, lock and all; 0 if it is not,
    or was heard of since."""
    reported_sequence: int = 0
    """Of the record that told the greatest ``settled_reported``."""
    clock_steps: tuple[tuple[float, float], ...] = ()
    """(the sidecar's clock when the stream's was set anew, the offset before), oldest first."""
    incomplete_since: float = 0.0
    """The sidecar's clock when the oldest hole appeared, given up or not; 0 without holes."""
    newest_at: float = 0.0
    """The time, by the stream's clock, of the record with the greatest number."""
    closings_lost: int = 0
    """How many closings its spool had no room for, as its lock file says."""
    invocations_over: tuple[tuple[str, int, float], ...] = ()
    """(invocation, sequence and time of its end) where records before the end were missing: an
    opening may yet come."""
    offset_shown: tuple[float, float] = (0.0, 0.0)
    """When the first and the last batch were received that showed the offset in force."""
    closings_missing: int = 0
    """Of the closings before ``reported_sequence``: how many have not come."""
    offset_showings: int = 0
    """How often the offset in force was shown; of batches that came together, one counts."""


class Total(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One counter or histogram of the book: its new value, not a difference."""

    metric: str
    """``scheduled``, ``settled``, ``amended``, ``duration`` …: see ``ledger/totals.py``."""
    labels: tuple[str, ...]
    value: float | tuple[float, ...]
    """A counter's value; a histogram's bucket counts (not cumulative), then its sum."""
    created: float
    """The sidecar's clock when the series was born (``_created``)."""


class DeadLetterRow(msgspec.Struct):
    """A dead letter to be written, with where its payload is to come from."""

    letter: DeadLetter
    payload: str | None = None
    """Its payload where this commit brings it. ``None``: the store moves the one it holds for the
    open task's key, if any, and keeps the one the letter already has."""
    keeps_texts: bool = False
    """Message and stack are those that the store has of an earlier version, if it has one."""


class Changes(msgspec.Struct):
    """All that one commit makes true, together or not at all. Produced by ``Book.drain``.

    Net: a task that opened and closed since the last drain is in none of the task fields.
    """

    opened: list[OpenTask] = []
    """Newly open tasks, and new versions of open ones (the later version replaces)."""
    closed: list[TaskKey] = []
    """Tasks that were in an earlier commit's ``opened`` and are open no longer."""
    payloads: dict[TaskKey, str] = {}
    """Payloads of tasks in ``opened``: stored now, erased when the task is in ``closed`` (or moved
    to its dead letter by the same commit)."""
    streams: list[StreamState] = []
    retired: list[bytes] = []
    """Streams forgotten after retention: only the fact that they were known is kept."""
    totals: list[Total] = []
    dead_letters: list[DeadLetterRow] = []
    """New dead letters and new versions of old ones."""
    settled: list[SettledTask] = []
    """Pronounced or amended since the last drain, for those who watch; not stored as such."""
    mark: bytes = b""
    """Kept beside the book, replacing the one before: how far a journal of it has come. Empty
    where there is no journal, and then the one before stays."""

    @property
    def empty(self) -> bool:
        """True if there is nothing to store."""
        return not (
            self.opened
            or self.closed
            or self.streams
            or self.retired
            or self.totals
            or self.dead_letters
        )


class Saved(msgspec.Struct):
    """A book as a store kept it: what a ``Book`` begins from."""

    open_tasks: list[OpenTask] = []
    streams: list[StreamState] = []
    retired: list[bytes] = []
    totals: list[Total] = []
    amendable: list[SettledTask] = []
    """Dead letters whose verdict was not the task's own closing: late evidence may amend them.
    Stores may leave stacks and messages out of these."""
    dead_letters_open: dict[tuple[str, str, str], int] = {}
    """How many are open by (service label, task label, outcome)."""
    mark: bytes = b""
    """Of the last commit that had one."""

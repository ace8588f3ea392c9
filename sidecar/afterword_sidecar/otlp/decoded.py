"""What a request came to: facts by source, what was passed by, and what was rejected and why."""

from typing import Final

import msgspec

from afterword_sidecar.ledger.facts import Batch, Fact, Source

REASONS: Final = {
    "malformed": "not a record OTLP allows (types, nesting, encoding or size)",
    "bad_resource": "its resource or scope cannot be read",
    "bad_stream": "deferred_task.stream of its scope is not 32 hex digits",
    "bad_sequence": "a sequence number is missing, out of range or not after its opening's",
    "no_identity": "it has no stream, and no valid trace id and span id either",
    "unknown_event": "this sidecar does not know the event",
    "no_name": "deferred_task.name is missing",
    "no_invocation": "faas.invocation_id is missing",
    "bad_outcome": "deferred_task.outcome is none of the six outcomes",
    "bad_reason": "deferred_task.reason is neither deadline_near nor shutdown",
    "bad_state": "deferred_task.state is none of up, beat, down",
    "bad_number": "a time or duration is not a finite number of seconds in range",
    "bad_time": "a timestamp is outside 64 bits",
    "bad_count": "a count is negative or too large",
    "bad_rollup": "ranges and count of a rollup do not belong together",
}
"""Why a single record may be rejected. Closed: the reasons are label values."""


class Decoded(msgspec.Struct):
    """The facts of one request, all of them checked."""

    batches: list[Batch] = []
    """One per source, in the order the sources first spoke; facts in the order told."""
    ignored: int = 0
    """Records that are not about deferred tasks: accepted and passed by."""
    rejected: dict[str, int] = {}
    """How many records could not be taken, by reason (a key of ``REASONS``)."""

    @property
    def message(self) -> str:
        """For the sender's developers: what was rejected and why; empty if nothing was."""
        return "; ".join(
            f"{count} rejected as {reason}: {REASONS[reason]}"
            for reason, count in self.rejected.items()
        )


class Gathering:
    """Collects one request's facts by source. Not thread-safe; used once."""

    def __init__(self) -> None:
        self._facts: dict[Source, list[Fact]] = {}
        self.ignored = 0
        self.rejected: dict[str, int] = {}

    def facts_of(self, source: Source) -> list[Fact]:
        """The list that facts of ``source`` are to be appended to."""
        facts = self._facts.get(source)
        if facts is None:
            facts = self._facts[source] = []
        return facts

    def reject(self, reason: str, count: int = 1) -> None:
        """Count records that cannot be taken."""
        if count:
            self.rejected[reason] = self.rejected.get(reason, 0) + count

    def decoded(self, received_at: float, *, same_clock: bool = False) -> Decoded:
        """All that was gathered."""
        batches = [
            Batch(source, facts, received_at, same_clock)
            for source, facts in self._facts.items()
            if facts
        ]
        return Decoded(batches, self.ignored, self.rejected)

"""What a call must have pronounced, and whether what was pronounced is that."""

from collections import deque
from math import isclose
from typing import Final

import msgspec

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.verifying.known import Cite, Conclusion

_TOLERANCE_SECONDS: Final = 1e-6
"""Times are written as they were; this is for sums of them."""

RULE_OF_CLOSING: Final = {
    "completed/completed": 1,
    "timed_out/timeout": 2,
    "timed_out/raised": 2,
    "failed/exception": 3,
    "cancelled/cancelled": 4,
    "cancelled/disconnected": 4,
    "dropped/no_context": 5,
    "dropped/refused": 5,
    "dropped/skipped": 6,
    "dropped/abandoned": 7,
    "unknown/span_unset": 8,
    "dropped/shutdown": 11,
}
"""Which rule a task's own word falls under."""
_FIRST_RULE: Final = {
    "completed": 1,
    "timed_out": 2,
    "failed": 3,
    "cancelled": 4,
    "dropped": 5,
    "unknown": 8,
}
"""For a reason of nobody's list."""


_KINDS: Final[dict[type, str]] = {
    shapes.Settled: names.EVENT_SETTLED,
    shapes.Rollup: names.EVENT_ROLLUP,
    shapes.Span: "span",
}


class Expected(msgspec.Struct):
    """One pronouncement that a call makes. ``allowed``: what it may be, the likeliest first."""

    allowed: list[Conclusion]
    cites: list[Cite]
    """All evidence that it may name beside the deciding piece."""
    before: Conclusion | None
    """What the book said until then."""
    required: bool = True
    doubt: str = ""
    """Why it cannot be told, where it cannot."""


Key = tuple[str, int]
"""(stream, opening)."""


class Expectations:
    """Those of one call."""

    def __init__(self) -> None:
        self._waiting: dict[Key, deque[Expected]] = {}

    def add(self, key: Key, expected: Expected) -> None:
        """One more for this task."""
        self._waiting.setdefault(key, deque()).append(expected)

    def take(self, key: Key) -> Expected | None:
        """The next for this task."""
        waiting = self._waiting.get(key)
        if not waiting:
            return None
        expected = waiting.popleft()
        if not waiting:
            del self._waiting[key]
        return expected

    def rest(self) -> list[tuple[Key, Expected]]:
        """What was not pronounced; none is left."""
        left = [(key, each) for key, waiting in self._waiting.items() for each in waiting]
        self._waiting = {}
        return left


def closing(fact: shapes.Settled | shapes.Span | shapes.Rollup, now: float) -> Conclusion:
    """What a task's own word, or its span, says."""
    pair = f"{fact.outcome}/{fact.reason}"
    rule = RULE_OF_CLOSING.get(pair) or _FIRST_RULE.get(fact.outcome, 0)
    return Conclusion(
        fact.outcome,
        fact.reason,
        names.OBSERVED,
        rule,
        now,
        final=True,
        cite=(_KINDS[type(fact)], fact.sequence, fact.at),
    )


def difference(said: shapes.Verdict, should: Conclusion, cites: list[Cite]) -> str:
    """How a verdict departs from what it should be; empty if it does not."""
    words = f"{said.outcome}/{said.reason}/{said.basis}"
    if words != should.words:
        return f"it says {words}, and should say {should.words} (rule {should.rule})"
    return _other_fields(words, said, should) or _other_evidence(words, said, should, cites)


def _other_fields(words: str, said: shapes.Verdict, should: Conclusion) -> str:
    for name, is_, ought in (
        ("rule", said.rule, should.rule),
        ("time", said.at, should.at),
        ("final", said.final, should.final),
        ("time of being final", said.final_at, should.final_at),
        ("clock", said.clock, should.clock),
        ("missing evidence", said.missing, should.missing),
    ):
        if is_ != ought:
            return f"{words}: its {name} is {is_}, and should be {ought}"
    return ""


def _other_evidence(words: str, said: shapes.Verdict, should: Conclusion, cites: list[Cite]) -> str:
    named = [(kind, sequence, at) for kind, sequence, at in said.evidence]
    if not any(_same(each, should.cite) for each in named):
        return f"{words}: it does not name what decides: {_words(should.cite)}"
    for each in named:
        if not any(_same(each, known) for known in (*cites, should.cite)):
            return f"{words}: it names evidence that the journal does not have: {_words(each)}"
    return ""


def _same(one: Cite, other: Cite) -> bool:
    near = isclose(one[2], other[2], rel_tol=0, abs_tol=_TOLERANCE_SECONDS)
    return one[:2] == other[:2] and near


def _words(cite: Cite) -> str:
    number = f" no. {cite[1]}" if cite[1] else ""
    return f"{cite[0]}{number} at {cite[2]}"

"""Which evidence does what, in which state. The table is total: every pair has an entry.

The rules it spells out:

1. A task is opened once, by the first evidence that can stand on its own: its opening, its own
   closing, or a foreign span that ended.
2. Its own closing (``settled``) outranks everything and is the last word.
3. Evidence ranks ``settled`` > span > ``pending`` > inference. What comes late and ranks higher
   refines the verdict; a lower or equal one changes nothing.
4. What the task itself has said is never overruled by time: a task closed by evidence of its own
   hears neither deadlines nor leases nor locks.
5. Inference (``Kind`` from ``INVOCATION_ENDED`` on) only ever asks ``verdicts.infer``; whether the
   moment has come is that function's to say.
6. Nothing raises. Evidence that can mean nothing in a state is ``IGNORE``.
"""

from enum import IntEnum
from typing import Final


class State(IntEnum):
    """Where a task stands in the book."""

    UNSEEN = 0
    """Its opening has not come; at most, something that needs the opening has."""
    AHEAD = 1
    """Its closing came first and stood on its own; the opening is still missing."""
    SCHEDULED = 2
    STARTED = 3
    INFERRED = 4
    """Pronounced by the sidecar, not by evidence of the task's own end."""
    SPANNED = 5
    """Closed by a foreign span."""
    CLOSED = 6
    """Closed by its own word, or so long ago that only its number is remembered."""


class Kind(IntEnum):
    """Kinds of evidence about one task."""

    SCHEDULED = 0
    STARTED = 1
    PENDING = 2
    SPAN = 3
    SETTLED = 4
    INVOCATION_ENDED = 5
    STREAM_ENDED = 6
    TIME = 7
    """A deadline, a lease, a longest life or a window may have passed."""
    RECOVERED = 8
    """Evidence of the stream that was missing has come."""


class Action(IntEnum):
    """What is to be done with it."""

    IGNORE = 0
    OPEN = 1
    ATTACH = 2
    """Add what only the opening knows (its payload above all) to a task closed ahead of it."""
    KEEP_EARLY = 3
    """Keep it until the opening comes."""
    START = 4
    NOTE_PENDING = 5
    NOTE_INVOCATION = 6
    STAND_ALONE = 7
    """Open and close at once: the closing carries all that the book must know."""
    CLOSE = 8
    JUDGE = 9
    """Ask the rules whether the task is lost by now."""
    AMEND = 10
    """Better evidence: the verdict is refined, or amended where it changes."""
    REJUDGE = 11
    """Ask the rules again: a late ``pending`` is noted, or missing evidence has come."""
    CONFIRM = 12
    """Proof of death: the inferred verdict becomes proven and final, unless something is missing
    after the opening."""
    FINALISE = 13
    """The verdict becomes final if its window is over."""


____ = Action.IGNORE
OPEN, ATTACH, EARLY, START = Action.OPEN, Action.ATTACH, Action.KEEP_EARLY, Action.START
NOTE, INVOKE, ALONE, CLOSE = (
    Action.NOTE_PENDING,
    Action.NOTE_INVOCATION,
    Action.STAND_ALONE,
    Action.CLOSE,
)
JUDGE, AMEND, REJUDGE = Action.JUDGE, Action.AMEND, Action.REJUDGE
CONFIRM, FINAL = Action.CONFIRM, Action.FINALISE

# Columns, in the order of ``Kind``:
#                    SCHEDULED STARTED PENDING  SPAN   SETTLED INVOC.  STREAM   TIME   RECOVERED
#                                                              ENDED   ENDED
# fmt: off
TRANSITIONS: Final[dict[State, tuple[Action, ...]]] = {
    State.UNSEEN:    (OPEN,    EARLY,  EARLY,   ALONE, ALONE,  ____,   ____,    ____,  ____),
    State.AHEAD:     (ATTACH,  ____,   ____,    ____,  ____,   ____,   ____,    ____,  ____),
    State.SCHEDULED: (____,    START,  NOTE,    CLOSE, CLOSE,  INVOKE, JUDGE,   JUDGE, ____),
    State.STARTED:   (____,    ____,   NOTE,    CLOSE, CLOSE,  ____,   JUDGE,   JUDGE, ____),
    State.INFERRED:  (____,    ____,   REJUDGE, AMEND, AMEND,  ____,   CONFIRM, FINAL, REJUDGE),
    State.SPANNED:   (____,    ____,   ____,    ____,  AMEND,  ____,   ____,    ____,  ____),
    State.CLOSED:    (____,    ____,   ____,    ____,  ____,   ____,   ____,    ____,  ____),
}
# fmt: on

ROWS: Final = tuple(TRANSITIONS[state] for state in State)
"""The same, indexed by number: hashing an enum member costs more than the rest of a look-up."""

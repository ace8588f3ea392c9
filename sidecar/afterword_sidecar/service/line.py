"""What waits to be booked: in the order it came, in slices, so that the big let the small by."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from afterword_sidecar.ledger.book import Book, Receipt
from afterword_sidecar.ledger.facts import Batch

FACTS_PER_SLICE: Final = 500
"""Applied without letting go of the loop: 1 to 3 ms."""
SLICES_PER_TURN: Final = 20
"""What one submission may add to one commit before those behind it have their turn."""


@dataclass(slots=True, eq=False)
class Submission:
    """Batches that are acknowledged together, and what became of them so far."""

    slices: Iterator[Batch]
    size_bytes: int
    received_at: float
    """Of the oldest batch in it: time must not overtake it while it waits."""
    done: asyncio.Future[Receipt]
    deed: Callable[[Book, float], None] | None = None
    """What else the book is to be told, after the batches, with the time."""
    accepted: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    error: BaseException | None = None

    def add(self, receipt: Receipt) -> None:
        """Add what the book said of one slice."""
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates
        self.rejected.update(receipt.rejected)

    def acknowledge(self) -> None:
        """Tell the sender; a sender who has gone is none the worse for it."""
        if self.done.done():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(
                Receipt(
                    accepted=self.accepted,
                    duplicates=self.duplicates,
                    rejected=dict(self.rejected),
                )
            )

    def refuse(self, refusal: Exception) -> None:
        """Tell the sender to come again."""
        if not self.done.done():
            self.done.set_exception(refusal)


def slices(batches: Sequence[Batch]) -> Iterator[Batch]:
    """``batches`` in their order, none with more than ``FACTS_PER_SLICE`` facts."""
    for batch in batches:
        if len(batch.facts) <= FACTS_PER_SLICE:
            yield batch
            continue
        for begin in range(0, len(batch.facts), FACTS_PER_SLICE):
            yield Batch(
                source=batch.source,
                facts=batch.facts[begin : begin + FACTS_PER_SLICE],
                received_at=batch.received_at,
                same_clock=batch.same_clock,
            )


class Line:
    """Submissions in their order, with how much they weigh. Bounded by who adds to it."""

    def __init__(self) -> None:
        self._waiting: deque[Submission] = deque()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, submission: Submission) -> None:
        """To the end of the line."""
        self._waiting.append(submission)
        self.size_bytes += submission.size_bytes

    def turns(self) -> Iterator[tuple[Submission, list[Batch], bool]]:
        """Everyone now in line, once: (submission, its next slices, whether that was the last).

        Who is not finished goes back to the end, for the next round.
        """
        for _ in range(len(self._waiting)):
            submission = self._waiting.popleft()
            turn = list(islice(submission.slices, SLICES_PER_TURN))
            last = len(turn) < SLICES_PER_TURN
            if last:
                self.size_bytes -= submission.size_bytes
            else:
                self._waiting.append(submission)
            yield submission, turn, last

    def oldest_received_at(self) -> float | None:
        """When the oldest of them reached the sidecar; ``None`` if nobody waits."""
        return min((each.received_at for each in self._waiting), default=None)

    def dismiss(self) -> list[Submission]:
        """Everyone, out of line."""
        everyone = list(self._waiting)
        self._waiting.clear()
        self.size_bytes = 0
        return everyone

"""Sends what waits in an outbox: one batch at a time, in order, until it is taken or given up.

No thread and no waiting in here: ``step`` makes at most one attempt and says when to come again.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from afterword import names
from afterword.delivery import retry
from afterword.delivery.batch import Batch
from afterword.delivery.book import Books, after_answer
from afterword.delivery.connection import Connection
from afterword.delivery.errors import Complaints
from afterword.delivery.outbox import Outbox
from afterword.delivery.shedding import without_detail
from afterword.otlp_json import Envelope

BATCH_LINES: Final = 1000
"""A batch is full with so many log records; tasks that ended before they left are one each."""
BATCH_BYTES: Final = 1024 * 1024

_TOO_LARGE: Final = "not sent: too large for the sidecar"


def jitter() -> float:
    """A number in [0, 1), from the system: no ``random.seed`` of a user's makes processes agree."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


class Sender:
    """Carries batches over a connection. Used by one thread at a time."""

    def __init__(
        self,
        outbox: Outbox,
        connection: Connection,
        envelope: Envelope,
        complaints: Complaints,
        *,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        random: Callable[[], float] = jitter,
    ) -> None:
        self._outbox: Final = outbox
        self._connection: Final = connection
        self._envelope: Final = envelope
        self._complaints: Final = complaints
        self._timeout_seconds: Final = timeout_seconds
        self._clock: Final = clock
        self._wall_clock: Final = wall_clock
        self._random: Final = random
        self._pieces: deque[Batch] = deque()
        self._attempt = 0
        self._not_before = 0.0
        self._by_order = False
        self._hurry = False
        self._insist = False
        self._awaited_until = 0.0
        self.most_ordered_seconds = retry.LONGEST_RETRY_AFTER_SECONDS
        """The longest pause that the sidecar may order."""
        self._books = Books()
        self.passed = 0
        """The outbox's serial up to which everything was taken by the sidecar or given up."""
        self.lost = 0
        """Log records given up so far: refused, rejected, or too large."""

    @property
    def lines(self) -> int:
        """Log records taken from the outbox and neither delivered nor given up yet."""
        return sum(len(piece.lines) for piece in tuple(self._pieces))

    def hurry(self, until: float, *, last: bool = False) -> None:
        """Do not wait for the next attempt, unless the sidecar named it; back off anew.

        With ``last`` the next attempt does not wait for what the sidecar named either, once.

        Until then (on ``clock``) connections that fail are tried again soon, as somebody waits.
        May be called from any thread, also while another is in ``step``: it holds for the attempt
        after the one that is under way.
        """
        self._awaited_until = max(self._awaited_until, until)
        self._insist = self._insist or last
        self._hurry = True

    def step(self, timeout_seconds: float | None = None) -> float | None:
        """Make one attempt if there is something to send and it is time.

        Returns the seconds until the next step makes sense: 0 for at once, ``None`` when nothing
        waits. ``timeout_seconds`` shortens the attempt.
        """
        now = self._clock()
        if not self._pieces:
            batch = self._outbox.take(BATCH_LINES, BATCH_BYTES)
            if not batch.lines:
                self.passed = self._outbox.passed()
                return None
            self._pieces.append(batch)
        hurry = self._hurry and (self._insist or not self._by_order)
        if now < self._not_before and not hurry:
            return self._not_before - now
        if hurry:
            self._hurry = self._insist = False
            self._attempt = 0
        delay = self._carry_out(self._try(self._pieces[0], timeout_seconds))
        if not self._pieces:
            self.passed = self._outbox.passed()
        if self._outbox.shed_records:
            self._complaints.note(
                "full",
                "the buffer for evidence is full (AFTERWORD_BUFFER_MAX_BYTES): some records are "
                "lost, and leave holes in the sequence",
            )
        self._complaints.say()
        return delay

    def _try(self, piece: Batch, timeout_seconds: float | None) -> retry.Decision:
        answer = self._post(self._envelope.join(piece.lines), timeout_seconds)
        left = self._awaited_until - self._clock()
        # Hurried attempts are many: counted, they would make the back-off after them a long one.
        self._attempt = 1 if answer is None and left > 0 else self._attempt + 1
        return retry.decide(
            answer,
            attempt=self._attempt,
            now=self._wall_clock(),
            random=self._random,
            left_seconds=left,
            most_seconds=self.most_ordered_seconds,
        )

    def _post(self, body: bytes, timeout_seconds: float | None) -> retry.Answer | None:
        timeout = self._timeout_seconds
        if timeout_seconds is not None:
            timeout = max(0.001, min(timeout, timeout_seconds))
        try:
            answer = self._connection.post(body, book=self._books.known, timeout_seconds=timeout)
        except OSError as error:
            self._complaints.note(
                "unreachable",
                f"sidecar at {self._connection.endpoint} does not answer ({error}); evidence waits "
                "in memory and is sent when it does",
            )
            return None
        self._note_book(answer)
        return answer

    def _note_book(self, answer: retry.Answer) -> None:
        before = self._books
        book = answer.headers.get(names.BOOK_HEADER.lower(), "")
        self._books = after_answer(before, answer.status, book, self._clock())
        if self._books.other and not before.other:
            self._complaints.note(
                f"other book {book}",
                f"sidecar at {self._connection.endpoint} keeps book {book}, not {before.known} as "
                "before: do two sidecars share this address? Evidence waits",
            )
        if before.known and self._books.known != before.known:
            self._complaints.note(
                f"new book {book}",
                f"evidence goes to book {book} from now on; nothing answered for {before.known}",
            )

    def _carry_out(self, decision: retry.Decision) -> float:
        self._by_order = False
        if isinstance(decision, retry.Again):
            self._not_before = self._clock() + decision.delay_seconds
            self._by_order = decision.by_order
            return decision.delay_seconds
        self._attempt = 0
        self._not_before = 0.0
        if isinstance(decision, retry.Smaller):
            self._divide()
            return 0.0
        piece = self._pieces.popleft()
        self._outbox.release(piece)
        if isinstance(decision, retry.GiveUp):
            self.lost += len(piece.lines)
            self._complaints.note(
                "refused",
                f"sidecar at {self._connection.endpoint} does not take evidence, which is lost: "
                f"{decision.message}",
            )
        elif decision.rejected:
            self.lost += decision.rejected
            self._complaints.note(
                "rejected",
                f"sidecar at {self._connection.endpoint} rejected {decision.rejected} records: "
                f"{decision.message!r}",
            )
        return 0.0

    def _divide(self) -> None:
        """Put two halves in the place of the first piece; of a single record, shed long texts."""
        piece = self._pieces.popleft()
        if len(piece.lines) > 1:
            self._pieces.extendleft(reversed(piece.halves()))
            return
        lighter = without_detail(piece.lines[0], _TOO_LARGE)
        if lighter is not piece.lines[0]:
            self._pieces.appendleft(piece._replace(lines=[lighter]))
            return
        self._outbox.release(piece)
        self.lost += 1
        self._complaints.note(
            "too large",
            f"sidecar at {self._connection.endpoint} finds a single task's evidence too large; "
            "it is lost",
        )

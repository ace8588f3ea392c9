"""One task from opening to closing: what it tells, once each, and its span."""

import os
import sys
import weakref
from collections.abc import Callable
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any, Final

from afterword import endings, internal_errors, names, spans
from afterword.evidence import Opening, Pending, Settled, Started

if TYPE_CHECKING:
    import asyncio

    from opentelemetry.trace import Span

    from afterword.durable import Confirmation
    from afterword.endings import Ending
    from afterword.stream import Stream, Tally


class Tracked:
    """A task in the book of this process. Settled exactly once, whoever comes first.

    Held by the stream while it is open; holds no awaitable, so that one that its platform drops
    can be seen to be dropped. Does nothing in a forked child: the task is the parent's.
    """

    __slots__ = (
        "disconnected",
        "followers",
        "future",
        "held",
        "identity",
        "opening",
        "scheduled_at",
        "settled",
        "span",
        "start_delay",
        "started_at",
        "stream",
        "suspended",
        "tally",
        "timeout_expired",
    )

    def __init__(
        self, stream: "Stream", tally: "Tally", opening: Opening, span: "Span | None", identity: int
    ) -> None:
        self.stream: Final = stream
        self.tally: Final = tally
        self.opening: Final = opening
        self.span: Final = span
        self.identity: Final = identity
        """``id()`` of the awaitable that was handed over; valid until settled."""
        self.scheduled_at: Final = monotonic()
        self.started_at: float | None = None
        self.start_delay: float | None = None
        self.future: asyncio.Future[Any] | None = None
        """What runs it, kept alive."""
        self.suspended: weakref.ref[Any] | None = None
        """What to look into for where it is suspended, if there is no ``future``."""
        self.held: Confirmation | None = None
        """What the work waits for before it begins, where it is to be durable."""
        self.timeout_expired = False
        self.disconnected = False
        """The client has gone away: a cancellation from now on is the framework's answer to it."""
        self.settled = False
        self.followers: tuple[Callable[[], None], ...] = ()
        """Called once it is settled and told, on whatever thread that happens. To be quick."""

    def start(self) -> None:
        """The first step."""
        now = monotonic()
        self.started_at = now
        self.start_delay = now - self.scheduled_at
        stream = self.stream
        if stream.delivery is not None and stream.pid == os.getpid():
            stream.delivery.send(
                Started(stream.next_sequence(), time_ns(), self.opening, self.start_delay)
            )

    def end(self, error: BaseException | None) -> None:
        """It ended on its own: judge what escaped from it, and settle."""
        if error is None:
            ending = endings.COMPLETED
        elif not isinstance(error, endings.CUT_OFF):
            ending = endings.ending_of(error, timeout_expired=self.timeout_expired, stopping=False)
        else:
            stopping = self.stream.stopping or endings.is_stopping(error, sys._getframe(1))  # noqa: SLF001 - the only way to see who cancels
            ending = endings.ending_of(
                error,
                timeout_expired=self.timeout_expired,
                stopping=stopping,
                disconnected=self.disconnected,
            )
        self.settle(ending, error)

    def settle(
        self, ending: "Ending", error: BaseException | None = None, *, awaiting: str = ""
    ) -> None:
        """Close it with this ending; nothing if it is closed already. Never raises.

        ``awaiting`` is where it was suspended, if its error does not say so.
        """
        stream = self.stream
        if stream.pid != os.getpid():
            return
        outcome = ending.outcome
        with stream.lock:
            if self.settled:
                return
            self.settled = True
            self.tally.settled[outcome] += 1
        stream.open_tasks.pop(self.opening.sequence, None)
        stream.by_identity.pop(self.identity, None)
        self.future = None
        try:
            self._tell(ending, error, awaiting)
            for follower in self.followers:
                follower()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("telling how a task ended")

    def _tell(self, ending: "Ending", error: BaseException | None, awaiting: str) -> None:
        stream = self.stream
        failure = None
        if ending is not endings.COMPLETED:
            from afterword.failures import describe  # noqa: PLC0415 - tasks that complete need none

            failure = describe(error, ending, stream.settings, started=self.started_at is not None)
            if awaiting:
                failure = failure._replace(awaiting=awaiting)
        if stream.delivery is not None:
            began = self.scheduled_at if self.started_at is None else self.started_at
            stream.delivery.send(
                Settled(
                    stream.next_sequence(),
                    time_ns(),
                    self.opening,
                    ending.outcome,
                    ending.reason,
                    monotonic() - began,
                    self.start_delay,
                    failure,
                )
            )
        if self.span is not None:
            spans.end(self.span, ending, failure, stream.settings)
        if failure is not None and failure.exception_type and stream.settings.exceptions_as_logs:
            from afterword.exception_logs import emit  # noqa: PLC0415 - an opt-in of few

            emit(failure, self.opening)

    def pending(self, reason: str, awaiting: str | None = None) -> None:
        """It is about to be cut off: say so, and where it is suspended. Never raises."""
        try:
            stream = self.stream
            if self.settled or stream.delivery is None or stream.pid != os.getpid():
                return
            if awaiting is None:
                awaiting = self.awaiting()
            stream.delivery.send(
                Pending(stream.next_sequence(), time_ns(), self.opening, reason, awaiting)
            )
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("telling that a task is pending")

    def runs_on(self, loop: "asyncio.AbstractEventLoop") -> bool:
        """Whether it has not ended and belongs to this event loop."""
        future: Any = self.future
        if future is None and self.suspended is not None:
            future = self.suspended()
        get_loop = getattr(future, "get_loop", None)  # a platform's coroutine has none
        return get_loop is not None and get_loop() is loop and not future.done()

    def awaiting(self) -> str:
        """Where it is suspended now; empty where that cannot be seen. Never raises."""
        try:
            from afterword.suspension import (  # noqa: PLC0415 - tasks that complete need none
                NOT_STARTED,
                awaiting,
            )

            if self.started_at is None:
                return NOT_STARTED
            subject = self.future
            if subject is None and self.suspended is not None:
                subject = self.suspended()
            return awaiting(subject) if subject is not None else ""
        except Exception:  # noqa: BLE001 - that it is pending is told all the same
            internal_errors.handle("looking where a task is suspended")
            return ""

    @property
    def is_replay(self) -> bool:
        """Whether it is an attempt at a dead letter."""
        return self.opening.kind.origin == names.ORIGIN_REPLAY

"""One task from opening to closing: what it tells, once each, and its span."""

import sys
import weakref
from collections.abc import Callable
from time import monotonic_ns, time_ns
from typing import TYPE_CHECKING, Any, Final

from afterword import endings, internal_errors, spans
from afterword.evidence import Failure, Pending
from afterword.task_record import Detail, Place, TaskRecord

if TYPE_CHECKING:
    import asyncio

    from opentelemetry.trace import Span

    from afterword.durable import Confirmation
    from afterword.endings import Ending
    from afterword.stream import CountedKind, Stream, Tally


class Tracked(TaskRecord):
    """A task in the book of this process. Settled exactly once, whoever comes first.

    Held by the stream while it is open; holds no awaitable, so that one that its platform drops
    can be seen to be dropped. Does nothing in a forked child: the task is the parent's.
    """

    __slots__ = (
        "_since_ns",
        "disconnected",
        "followers",
        "future",
        "held",
        "identity",
        "settled",
        "span",
        "stream",
        "suspended",
        "tally",
        "timeout_expired",
    )

    def __init__(
        self,
        stream: "Stream",
        known: "CountedKind",
        sequence: int,
        at_ns: int,
        place: Place,
        detail: Detail,
        span: "Span | None",
        identity: int,
    ) -> None:
        self.sequence = sequence  # as TaskRecord's, whose call would cost more than all of this
        self.at_ns = at_ns
        self.known = known
        self.place = place
        self.detail = detail
        self.started_sequence = 0
        self.ending = None
        self.failure = None
        self._opening = None
        self.stream: Final = stream
        self.tally: Final[Tally] = known.tally
        self.span: Final = span
        self.identity: Final = identity
        """``id()`` of the awaitable that was handed over; valid until settled."""
        self._since_ns = monotonic_ns()
        """When it was handed over, then when it started; on the monotonic clock."""
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
        """It is closed, and that was told."""
        self.followers: tuple[Callable[[], None], ...] = ()
        """Called once it is settled and told, on whatever thread that happens. To be quick."""

    @property
    def has_started(self) -> bool:
        """Whether it had its first step."""
        return self.started_sequence != 0

    def start(self) -> None:
        """The first step."""
        now_ns = monotonic_ns()
        self.start_delay_ns = now_ns - self._since_ns
        self._since_ns = now_ns
        stream = self.stream
        self.started_sequence = stream.next_sequence()
        if stream.delivery is not None and stream.mark[0]:
            stream.delivery.started(self)

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
        if not stream.mark[0] or stream.open_tasks.pop(self.sequence, None) is None:
            return  # the parent's; or another thread, or a finalizer, was first
        stream.by_identity.pop(self.identity, None)
        with stream.lock:
            self.tally.settled[ending.outcome] += 1
        self.future = None
        try:
            self.duration_ns = monotonic_ns() - self._since_ns
            self.ending = ending
            if ending is not endings.COMPLETED:
                self._describe(ending, error, awaiting)
            self.settled_at_ns = time_ns()
            self.settled_sequence = stream.next_sequence()
            if stream.delivery is not None:
                stream.delivery.settled(self)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("telling how a task ended")
        finally:
            self.settled = True  # before the followers are read: whoever comes later sees it
            if self.followers:
                self._wake_followers()
            # Last, as the application's own processors run in it.
            if self.span is not None:
                spans.end(self.span, ending, self.failure, stream.settings)
            if self.failure is not None and stream.settings.exceptions_as_logs:
                self._log(self.failure)

    def _wake_followers(self) -> None:
        try:
            for follower in self.followers:
                follower()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("telling who waits for a task")

    def _describe(self, ending: "Ending", error: BaseException | None, awaiting: str) -> None:
        """What is told of a task that did not complete."""
        self.failure = Failure()
        try:
            from afterword.failures import describe  # noqa: PLC0415 - tasks that complete need none

            failure = describe(error, ending, self.stream.settings, started=self.has_started)
            self.failure = failure._replace(awaiting=awaiting) if awaiting else failure
        except Exception:  # noqa: BLE001 - how it ended is told all the same
            internal_errors.handle("describing a failure")

    def _log(self, failure: Failure) -> None:
        if not failure.exception_type:
            return
        try:
            from afterword.exception_logs import emit  # noqa: PLC0415 - an opt-in of few

            emit(failure, self.opening)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("telling an exception as a log")

    def pending(self, reason: str, awaiting: str | None = None) -> None:
        """It is about to be cut off: say so, and where it is suspended. Never raises."""
        try:
            stream = self.stream
            if stream.delivery is None or not stream.mark[0]:
                return
            if self.sequence not in stream.open_tasks:
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

            if not self.has_started:
                return NOT_STARTED
            subject = self.future
            if subject is None and self.suspended is not None:
                subject = self.suspended()
            return awaiting(subject) if subject is not None else ""
        except Exception:  # noqa: BLE001 - that it is pending is told all the same
            internal_errors.handle("looking where a task is suspended")
            return ""

"""HTTP delivery: evidence goes to a sidecar over the network, off the response's path.

``send`` puts a record into memory and returns. A daemon thread, made at the first record, sends
what has gathered 200 ms after the first record, or at once when a batch is full or somebody
flushes: soon, because an opening that is still here when the process is killed is lost.
"""

import threading
import time
from typing import Final

from opentelemetry.context import attach, set_value

from afterword import forking, internal_errors
from afterword.delivery.bell import Bell
from afterword.delivery.confirmations import Confirm, Confirmations
from afterword.delivery.connection import Connection
from afterword.delivery.errors import Complaints
from afterword.delivery.outbox import Outbox
from afterword.delivery.sender import BATCH_LINES, Sender
from afterword.delivery.worker import Worker
from afterword.evidence import Record
from afterword.otlp_json import Envelope
from afterword.task_record import TaskRecord

DEFAULT_CAPACITY_BYTES: Final = 16 * 1024 * 1024
DEFAULT_INTERVAL_SECONDS: Final = 0.2
DEFAULT_TIMEOUT_SECONDS: Final = 10.0
_BEFORE_FORK_SECONDS: Final = 1.0
"""How long imports may wait, in all, under a server that forks after them (``forking``)."""
_LOCK_SECONDS: Final = 1.0
"""The outbox is held for microseconds; this is for what nobody thought of."""


class HttpDelivery:
    """Delivery of one stream to ``{endpoint}/v1/logs``.

    ``capacity_bytes`` bounds the memory of all that waits (``buffer`` says what is shed when it is
    full); the encoding of the batch being sent, about 1 MiB at most, comes on top.
    ``timeout_seconds`` is how long one attempt waits for a sign of life. ``gzip_from_bytes`` is the
    size from which bodies are packed; without it, 8 KiB if the sidecar is on another host, never if
    it is on this one. Raises ``ValueError`` for an endpoint or a token that cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        token: str,
        envelope: Envelope,
        *,
        capacity_bytes: int = DEFAULT_CAPACITY_BYTES,
        interval_seconds: float = DEFAULT_INTERVAL_SECONDS,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        gzip_from_bytes: int | None = None,
    ) -> None:
        self._interval_seconds: Final = interval_seconds
        self._complaints: Final = Complaints()
        self._connection: Final = Connection(endpoint, token, gzip_from_bytes)
        self._outbox: Final = Outbox(capacity_bytes)
        self._sender: Final = Sender(
            self._outbox,
            self._connection,
            envelope,
            self._complaints,
            timeout_seconds=timeout_seconds,
        )
        self._take_opening: Final = self._outbox.opened
        self._take_closing: Final = self._outbox.settled
        self._bell: Final = Bell()
        self._confirmations: Final = Confirmations()
        self._progress: Final = threading.Condition()
        self._worker: Final = Worker("afterword-delivery", self._run)
        self._sending: Final = threading.Lock()  # whoever holds it may use the sender
        self._before_fork_seconds = _BEFORE_FORK_SECONDS  # what is left of them
        self._awake = False  # the thread knows that something waits
        self._urgent = False  # and that it is not to wait for more
        self._closed = False
        self._broken = 0

    @property
    def lost(self) -> int:
        """Records that will never arrive: shed, refused or rejected; holes in the sequence."""
        outbox = self._outbox
        return outbox.shed_records + outbox.broken + self._sender.lost + self._broken

    def opened(self, task: TaskRecord) -> None:
        """Take a task into memory; no network, no waiting."""
        try:
            if self._closed:
                self._broken += 1
                return
            self._take_opening(task)
            if not self._awake:
                self._awake = True
                self._wake()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            self._fail()

    def started(self, task: TaskRecord) -> None:
        """Take its start."""
        try:
            if self._outbox.started(task):
                self._mind()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            self._fail()

    def settled(self, task: TaskRecord) -> None:
        """Take its closing."""
        try:
            if self._closed:
                self._broken += 1
                return
            self._take_closing(task)
            self._mind()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            self._fail()

    def send(self, record: Record) -> None:
        """Take the record into memory; no network, no waiting."""
        try:
            if self._closed:
                self._broken += 1
                return
            self._outbox.put(record)
            self._mind()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            self._fail()

    def _mind(self) -> None:
        """See that somebody sends what has come: soon, or now if it is much."""
        if not self._awake:
            self._awake = True
            self._wake()
        elif not self._urgent and self._outbox.lines >= BATCH_LINES:
            self._urgent = True
            self._bell.ring()

    def _fail(self) -> None:
        self._broken += 1
        internal_errors.handle("buffering evidence")

    def send_confirmed(self, record: Record, confirm: Confirm) -> None:
        """Take the record into memory, send it at once, and tell when the sidecar has it.

        Records that come while a request is under way leave together in the next.
        """
        lost = self.lost
        self.send(record)
        try:
            mark = self._outbox.newest(_LOCK_SECONDS)
            self._urgent = True
            self._wake()
            if self._is_without_thread() or self._closed or self.lost != lost:
                confirm(False)
                return
            self._confirmations.add(mark, lost, confirm)
            if self._passed(mark):  # in between
                self._confirmations.passed(self._sender.passed, self.lost)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("asking for an acknowledgement")
            confirm(False)

    def pause_at_most(self, seconds: float) -> None:
        """Heed the sidecar's orders to come again later for so long at most."""
        self._sender.most_ordered_seconds = min(self._sender.most_ordered_seconds, seconds)

    def flush(self, timeout_seconds: float, *, last: bool = False) -> bool:
        """Send now what waits, and wait for it; whether the sidecar has taken all of it.

        Blocks the calling thread for at most ``timeout_seconds``: from a coroutine, call it
        through ``asyncio.to_thread``.
        """
        deadline = time.monotonic() + timeout_seconds
        lost = self.lost
        mark = self._outbox.newest(max(0.0, timeout_seconds))
        if not self._passed(mark):
            self._sender.hurry(deadline, last=last)
            self._urgent = True
            self._wake()
            if self._is_without_thread():
                self._send_through(mark, deadline)
            with self._progress:
                left = deadline - time.monotonic()
                self._progress.wait_for(lambda: self._passed(mark), max(0.0, left))
        return self._passed(mark) and self.lost == lost

    def close(self, timeout_seconds: float) -> None:
        """Flush, then end the thread. What has not arrived by then is lost, and the log says so."""
        deadline = time.monotonic() + timeout_seconds
        left = timeout_seconds
        # Daemon threads work on meanwhile: what they tell while this waits leaves as well.
        while self.flush(left, last=True) and not self._outbox.empty and left > 0:
            left = max(0.0, deadline - time.monotonic())
        self._closed = True
        self._confirmations.give_up()
        self._bell.ring()
        thread = self._worker.thread
        if thread is None:
            self._connection.close()
        else:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._tell_undelivered(timeout_seconds)

    def _tell_undelivered(self, timeout_seconds: float) -> None:
        self._outbox.newest(0.0)  # takes in what has just come
        undelivered = self._outbox.lines + self._sender.lines
        if undelivered:
            self._complaints.note(
                "undelivered",
                f"{undelivered} records of evidence were not delivered to "
                f"{self._connection.endpoint} within {timeout_seconds:.1f} s: this process ends, "
                "and its last tasks are judged without them",
            )
            self._complaints.say()

    def abandon(self) -> None:
        """In a forked child: close the inherited socket, and say nothing of what waits."""
        self._closed = True
        self._connection.abandon()

    def _passed(self, mark: int) -> bool:
        return self._sender.passed >= mark

    def _wake(self) -> None:
        """Ring for the thread, after making it where there is none yet."""
        if self._is_without_thread():
            self._awake = False  # with the next record it may be different
            if not self._worker.is_missing:
                self._send_before_fork()
            return
        problem = self._worker.start()
        if problem:  # a flush sends by itself meanwhile
            self._awake = False
            self._complaints.note(
                "no thread",
                f"no thread to send evidence can be started ({problem}): it waits in memory until "
                "one can be, or until a flush",
            )
            self._complaints.say()
        self._bell.ring()

    def _send_before_fork(self) -> None:
        """The parent gets no other moment: no thread, and it may end without a word."""
        mark = self._outbox.newest(_LOCK_SECONDS)
        if self._before_fork_seconds > 0 and not self._passed(mark):
            began = time.monotonic()
            self._send_through(mark, began + self._before_fork_seconds)
            self._before_fork_seconds -= time.monotonic() - began

    def _is_without_thread(self) -> bool:
        return self._worker.is_missing or (self._worker.thread is None and forking.is_ahead())

    def _run(self) -> None:
        _suppress_instrumentation()
        while not self._closed:
            self._awake = False
            if self._outbox.empty:
                self._bell.wait(None)
            self._awake = True
            self._bell.hush()  # it rang for what has come; the next ring is for something else
            if not (self._urgent or self._closed):
                self._bell.wait(self._interval_seconds)
            self._urgent = False
            try:
                self._send_through(self._outbox.newest(-1), None)
            except Exception:  # noqa: BLE001 - a bug must not end the thread
                internal_errors.handle("sending evidence")
        self._connection.close()

    def _send_through(self, mark: int, deadline: float | None) -> None:
        """Send until everything up to ``mark`` has left, or the time is up."""
        with self._sending:
            while not (self._closed or self._passed(mark)):
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return
                pause = self._sender.step(left)
                with self._progress:
                    self._progress.notify_all()
                self._confirmations.passed(self._sender.passed, self.lost)
                if pause:
                    self._bell.wait(pause if left is None else min(pause, left))


def _suppress_instrumentation() -> None:
    """What this thread does is not the application's: no spans for its requests."""
    attach(set_value("suppress_instrumentation", True))

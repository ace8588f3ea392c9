"""The buffer as threads see it: putting a record in never waits for anybody.

A task that has been handed over waits as it is, in ``_fresh``, until somebody sends: ended by then,
it is one record; open still, its opening leaves. Whoever takes it out of there, which is atomic, is
the one to encode it: the thread that ended it, or the one that sends.
"""

import threading
from collections import deque
from collections.abc import Callable, Sized
from functools import partial
from typing import Final

from afterword import internal_errors, task_json
from afterword.delivery.batch import Batch
from afterword.delivery.buffer import FRESH_BYTES, SHED, Buffer
from afterword.evidence import Instance, Opening, Pending, Record, Settled, Started
from afterword.otlp_json import encode
from afterword.task_record import TaskRecord

MOST_ARRIVALS: Final = 64
"""How many small records of a sort may lie before the buffer until somebody sorts them in."""


class Outbox:
    """Tasks and lines on their way in, and a ``Buffer`` behind a lock that is only tried.

    Whoever finds the lock taken (by the sender, by another thread, or by itself where a finalizer
    or a signal handler came in between) leaves the sorting to the next. Meanwhile what is put in
    lies in queues, which are safe to use from everywhere.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._buffer: Final = Buffer(capacity_bytes)
        self._lock: Final = threading.Lock()
        self._fresh: Final[dict[int, TaskRecord]] = {}
        """Handed over and told to nobody yet, by the sequence of the opening."""
        self._most_fresh = self._buffer.room_for_tasks(0)
        self._unannounced: Final[dict[int, TaskRecord]] = {}
        """Open tasks for whose opening there was no room: they are told when there is, or when they
        end."""
        self._payloads: Final[dict[int, TaskRecord]] = {}
        """Fresh tasks with a payload, the oldest first."""
        self._payload_bytes = 0
        """Of those."""
        self._whole: Final[deque[bytes]] = deque()
        """Tasks on their way in that are one record without long texts: nearly all."""
        self._arrivals: Final[deque[Callable[[], None]]] = deque()
        """How to take in what else is on its way."""
        self.broken = 0
        """Records that could not be encoded so far."""

    @property
    def lines(self) -> int:
        """Records waiting, about: without those on their way in, but with tasks not yet told."""
        return self._buffer.lines + len(self._fresh)

    @property
    def shed_records(self) -> int:
        """Records dropped for want of room so far."""
        return self._buffer.shed_records

    @property
    def size_bytes(self) -> int:
        """What the buffer weighs, batches not yet released included."""
        return self._buffer.size_bytes

    @property
    def empty(self) -> bool:
        """Whether nothing waits, nor is on its way in."""
        waiting = self._fresh or self._whole or self._arrivals
        return not waiting and self._buffer.passed == self._buffer.newest

    def opened(self, task: TaskRecord) -> None:
        """Take a task that was handed over."""
        if task.detail.payload is None and len(self._fresh) < self._most_fresh:
            self._fresh[task.sequence] = task
        else:
            self._open_slowly(task)

    def started(self, task: TaskRecord) -> bool:
        """Take its start, if its opening has left by itself; whether it has."""
        sequence = task.sequence
        if sequence in self._fresh or sequence in self._unannounced:
            return False
        self._arrivals.append(partial(self._add_start, task))
        if len(self._arrivals) >= MOST_ARRIVALS:
            self._try_to_sort()
        return True

    def settled(self, task: TaskRecord) -> None:
        """Take its closing, and all of the task if nothing of it has left."""
        fresh = self._fresh.pop(task.sequence, None) is not None or self._was_unannounced(task)
        small = task.failure is None and task.detail.payload is None
        if fresh and small:
            waiting: Sized = self._whole
            self._whole.append(task_json.folded(task).encode())
        else:
            waiting = self._arrivals
            self._arrivals.append(partial(self._add_end, task, fresh=fresh))
        if len(waiting) >= MOST_ARRIVALS or not small:
            self._try_to_sort()

    def put(self, record: Record) -> None:
        """Take any other record."""
        line = encode(record).encode()
        buffer = self._buffer
        if isinstance(record, Opening):
            heavy = record.payload is not None
            add = partial(buffer.add_opening, record.sequence, line, heavy=heavy)
        elif isinstance(record, Settled):
            heavy = record.failure is not None
            add = partial(buffer.add_closing, record.opening.sequence, line, heavy=heavy)
        elif isinstance(record, Instance):
            add = partial(buffer.add_sign, line)
        elif isinstance(record, Started | Pending):
            self._announce_first(record.opening.sequence)
            is_pending = isinstance(record, Pending)
            take = buffer.add_pending if is_pending else buffer.add_start
            add = partial(take, record.opening.sequence, line)
        else:
            add = partial(buffer.add_other, line)
        self._arrivals.append(add)
        self._try_to_sort()

    def _announce_first(self, sequence: int) -> None:
        """The opening of this task goes before what comes next, and its closing stays apart."""
        task = self._fresh.pop(sequence, None) or self._unannounced.pop(sequence, None)
        if task is not None:
            self._announce(task)
        self._arrivals.append(partial(self._buffer.keep_apart, sequence))

    def take(self, most_lines: int, most_bytes: int) -> Batch:
        """The oldest lines; see ``Buffer.take``."""
        with self._lock:
            self._sort_in()
            return self._buffer.take(most_lines, most_bytes)

    def release(self, batch: Batch) -> None:
        """Give back the room of a batch; see ``Buffer.release``."""
        with self._lock:
            self._buffer.release(batch)
            self._sort_in()

    def newest(self, timeout_seconds: float) -> int:
        """The serial up to which records wait, those put before this call included.

        Tasks that are open are announced. Without the latest if the lock cannot be had in time, as
        in a signal handler that came in between.
        """
        if self._lock.acquire(timeout=timeout_seconds):
            try:
                for sequence in list(self._fresh):
                    task = self._fresh.pop(sequence, None)
                    if task is not None:
                        self._announce(task)
                self._sort_in()
                self._announce_late()
            finally:
                self._lock.release()
        return self._buffer.newest

    def passed(self) -> int:
        """The serial up to which nothing waits any more."""
        with self._lock:
            self._sort_in()
            return self._buffer.passed

    def _open_slowly(self, task: TaskRecord) -> None:
        """With a payload, or with little room: perhaps it is announced to nobody."""
        if task.detail.payload is not None:
            self._arrivals.append(partial(self._count_payload, task))
        self._fresh[task.sequence] = task
        if not self._try_to_sort() or len(self._fresh) <= self._most_fresh:
            return
        if self._fresh.pop(task.sequence, None) is not None:
            self._unannounced[task.sequence] = task
            self._arrivals.append(partial(self._forget_payload, task, shed=True))

    def _was_unannounced(self, task: TaskRecord) -> bool:
        return self._unannounced.pop(task.sequence, None) is not None

    def _announce(self, task: TaskRecord) -> None:
        """Let the opening of a task leave by itself, and its start if it has started.

        For whoever took it out of ``_fresh``. What it does later may come in before this.
        """
        self._arrivals.append(partial(self._add_opening, task))

    # What follows is called with the lock held.

    def _add_opening(self, task: TaskRecord) -> None:
        self._forget_payload(task)
        line = task_json.opening(task).encode()
        heavy, ended = task.detail.payload is not None, task.ending is not None
        self._buffer.add_opening(task.sequence, line, heavy=heavy, ended=ended)
        if task.started_sequence:
            self._add_start(task)

    def _announce_late(self) -> None:
        """Those for whom there was no room when they were handed over, if there is by now."""
        for sequence in list(self._unannounced):
            if not self._buffer.room_for_tasks(0):
                return
            task = self._unannounced.pop(sequence, None)
            if task is not None:
                self._add_opening(task)

    def _add_start(self, task: TaskRecord) -> None:
        line = task_json.started(task, task.at_ns + task.start_delay_ns).encode()
        self._buffer.add_start(task.sequence, line)

    def _add_end(self, task: TaskRecord, *, fresh: bool) -> None:
        self._forget_payload(task)
        completed = task.failure is None
        heavy = not completed
        buffer, sequence = self._buffer, task.sequence
        if fresh:
            buffer.add([task_json.folded(task).encode()], whole=True, heavy=heavy)
        elif buffer.has_opening(sequence):
            buffer.complete(sequence, task_json.folded(task).encode(), heavy=heavy)
        else:
            buffer.add_closing(sequence, task_json.closing(task).encode(), heavy=heavy)

    def _count_payload(self, task: TaskRecord) -> None:
        if task.sequence in self._fresh:
            self._payloads[task.sequence] = task
            self._payload_bytes += len(task.detail.payload or "")

    def _forget_payload(self, task: TaskRecord, *, shed: bool = False) -> None:
        if self._payloads.pop(task.sequence, None) is not None:
            self._payload_bytes -= len(task.detail.payload or "")
        if shed:
            task.detail = task.detail._replace(payload=None, payload_omitted=SHED)

    def _try_to_sort(self) -> bool:
        """Sort in what lies before the buffer; whether nobody else is at it."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._sort_in()
        finally:
            self._lock.release()
        return True

    def _sort_in(self) -> None:
        whole, arrivals, buffer = self._whole, self._arrivals, self._buffer
        if whole:
            buffer.add([whole.popleft() for _ in range(len(whole))], whole=True)
        while arrivals:
            try:
                arrivals.popleft()()
            except Exception:  # noqa: BLE001 - what cannot be encoded must not keep the rest
                self.broken += 1
                internal_errors.handle("buffering evidence")
        if len(self._fresh) >= buffer.room_for_tasks(self._payload_bytes):
            self._make_room()
        self._most_fresh = buffer.room_for_tasks(self._payload_bytes)

    def _make_room(self) -> None:
        """Shed for one task more than wait to be announced: payloads first, oldest first."""
        need = (len(self._fresh) + 1) * FRESH_BYTES
        fits = self._buffer.shed_details_for(need + self._payload_bytes)
        while self._payloads and not fits:
            self._forget_payload(next(iter(self._payloads.values())), shed=True)
            fits = self._buffer.shed_details_for(need + self._payload_bytes)
        self._buffer.fit(need + self._payload_bytes)

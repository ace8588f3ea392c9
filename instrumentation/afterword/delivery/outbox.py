"""The buffer as threads see it: putting a record in never waits for anybody."""

import threading
from collections import deque
from typing import Final

from afterword.delivery.buffer import Buffer
from afterword.delivery.entry import Batch
from afterword.evidence import Opening, Record, Settled, Started

MOST_ARRIVALS: Final = 64
"""How many records may lie in the queue before somebody sorts them in."""


class Outbox:
    """A queue that takes records in any thread, and a ``Buffer`` behind a lock that is only tried.

    Records without long texts are left in the queue, as that costs the least, until some have come
    together; then the queue is emptied into the buffer. Whoever finds the lock taken (by the
    sender, by another thread, or by itself where a finalizer or a signal handler came in between)
    leaves that to the next.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._buffer: Final = Buffer(capacity_bytes)
        self._add: Final = self._buffer.add
        self._arrivals: Final[deque[Record]] = deque()
        self._lock: Final = threading.Lock()

    @property
    def records(self) -> int:
        """Records waiting, about: without those on their way in."""
        return self._buffer.records

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
        return not (self._arrivals or self._buffer.records)

    def put(self, record: Record) -> int:
        """Take a record; how many are in the buffer. Never waits."""
        arrivals = self._arrivals
        arrivals.append(record)
        is_small = (
            isinstance(record, Started)
            or (isinstance(record, Opening) and record.payload is None)
            or (isinstance(record, Settled) and record.failure is None)
        )
        if is_small and len(arrivals) < MOST_ARRIVALS:
            return 0
        if self._lock.acquire(blocking=False):
            try:
                self._take_in()
            finally:
                self._lock.release()
        return self._buffer.records

    def take(self, most_records: int, most_bytes: int) -> Batch:
        """The oldest entries; see ``Buffer.take``."""
        with self._lock:
            self._take_in()
            return self._buffer.take(most_records, most_bytes)

    def release(self, batch: Batch) -> None:
        """Give back the room of a batch; see ``Buffer.release``."""
        with self._lock:
            self._buffer.release(batch)

    def newest(self, timeout_seconds: float) -> int:
        """The serial up to which records have been taken in, those put before this call included.

        Without the latest if the lock cannot be had in time, as in a signal handler that came
        between ``put`` and its end.
        """
        if self._lock.acquire(timeout=timeout_seconds):
            try:
                self._take_in()
            finally:
                self._lock.release()
        return self._buffer.newest

    def passed(self) -> int:
        """The serial up to which nothing waits any more."""
        with self._lock:
            self._take_in()
            oldest = self._buffer.oldest
            return self._buffer.newest if oldest is None else oldest - 1

    def _take_in(self) -> None:
        arrivals, add = self._arrivals, self._add
        while arrivals:
            add(arrivals.popleft())

"""What is told before the delivery could be opened: kept, within bounds, until it can be.

A process's first task may come at a bad moment, with no stack, memory or descriptors left. That is
no reason to be silent about all that come after it, nor about this one.
"""

from collections import deque
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

from afterword import internal_errors
from afterword.evidence import Record
from afterword.task_record import TaskRecord

if TYPE_CHECKING:
    from afterword.delivery import Delivery

PAUSE_SECONDS: Final = 1.0
"""Between two attempts."""
MOST_BYTES: Final = 1024 * 1024
_RECORD_BYTES: Final = 1024
"""What one weighs, about, beside its payload."""

_Tell = Callable[["Delivery"], None]


class Unopened:
    """A delivery in the place of one that is yet to be opened.

    ``open_delivery`` opens it: raises where that may pass, returns ``None`` where it never will.
    ``opened`` is called with the result once all that waited has been handed on to it. What there
    is no room for is lost, and shows as a hole in the sequence.
    """

    def __init__(
        self,
        open_delivery: "Callable[[], Delivery | None]",
        opened: "Callable[[Delivery | None], None]",
    ) -> None:
        self._open: Final = open_delivery
        self._opened: Final = opened
        self._lock: Final = Lock()
        """Held by who opens it, and never waited for by who tells something, even in between."""
        self._waiting: Final[deque[_Tell]] = deque()
        self._free_bytes = MOST_BYTES
        self._real: Delivery | None = None
        self._is_over = False
        self._not_before = monotonic() + PAUSE_SECONDS

    def opened(self, task: TaskRecord) -> None:
        """Keep a task's opening."""
        payload_bytes = len(task.detail.payload or "")
        self._take(lambda delivery: delivery.opened(task), payload_bytes)

    def started(self, task: TaskRecord) -> None:
        """Keep its start."""
        self._take(lambda delivery: delivery.started(task))

    def settled(self, task: TaskRecord) -> None:
        """Keep its closing."""
        self._take(lambda delivery: delivery.settled(task))

    def send(self, record: Record) -> None:
        """Keep the record."""
        self._take(lambda delivery: delivery.send(record))

    def send_confirmed(self, record: Record, confirm: Callable[[bool], None]) -> None:
        """Keep the record, and say that it is not safe; unless the delivery is there by now."""
        if not self._is_over:
            self.send(record)
        elif self._real is not None:
            self._real.send_confirmed(record, confirm)
            return
        confirm(False)

    def flush(self, timeout_seconds: float, *, last: bool = False) -> bool:
        """Try again at once; then flush."""
        self._try_within(timeout_seconds)
        return self._real is not None and self._real.flush(timeout_seconds, last=last)

    def close(self, timeout_seconds: float) -> None:
        """Try for the last time, and close what came of it."""
        self._try_within(timeout_seconds)
        if self._real is not None:
            self._real.close(timeout_seconds)

    def abandon(self) -> None:
        """In a forked child: forget it, without the lock, which a thread of the parent may hold."""
        self._waiting.clear()
        self._is_over = True

    def _take(self, tell: _Tell, payload_bytes: int = 0) -> None:
        try:
            size_bytes = _RECORD_BYTES + payload_bytes
            if size_bytes <= self._free_bytes or self._is_over:
                self._free_bytes -= size_bytes
                self._waiting.append(tell)
            if self._is_over:
                self._hand_on()
            elif monotonic() >= self._not_before:
                self._try_within(0.0)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("keeping evidence until it can be delivered")

    def _try_within(self, timeout_seconds: float) -> None:
        """Open it and hand on what waits, unless somebody else is at it for so long."""
        if self._is_over or not self._lock.acquire(timeout=max(0.0, timeout_seconds)):
            return
        try:
            self._not_before = monotonic() + PAUSE_SECONDS
            self._real = self._real or self._open()
            self._hand_on()
            self._opened(self._real)
            self._is_over = True
            self._hand_on()  # what came in between: whoever comes later sees that it is over
        except Exception:  # noqa: BLE001 - told when it was first met; it may pass yet
            return
        finally:
            self._lock.release()

    def _hand_on(self) -> None:
        while True:
            try:
                tell = self._waiting.popleft()
            except IndexError:  # none is left, or another thread took the last
                return
            if self._real is not None:
                tell(self._real)

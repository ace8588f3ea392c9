"""Delivery: where evidence goes. One contract; a spool directory and HTTP keep it.

A delivery serves one stream, that is one process: it is made at the process's first task (never at
import) with the stream's 16 bytes and its ``otlp_json.Envelope``, and a forked child makes its own.
"""

from collections.abc import Callable
from typing import Protocol

from afterword.evidence import Record
from afterword.task_record import TaskRecord


class Delivery(Protocol):
    """Takes records. Every method may be called from any thread, and none of them ever raises.

    Records come in any order: sequences are taken and sent by several threads at once. ``send`` may
    also be called from a finalizer, that is in the middle of another ``send`` on the same thread,
    so a lock inside must be re-entrant.
    """

    def opened(self, task: TaskRecord) -> None:
        """Take a task's opening before the task is handed over: no network, no waiting for space.

        The delivery may keep the record, and look later at what has become of it.
        """

    def started(self, task: TaskRecord) -> None:
        """Take its start, in the same way."""

    def settled(self, task: TaskRecord) -> None:
        """Take its closing, in the same way. Nothing changes in the record any more."""

    def send(self, record: Record) -> None:
        """Take any other record, or any fact of a task whose ``opened`` was never called.

        A record that cannot be kept is shed and counted; it shows as a hole in the sequence.
        """

    def send_confirmed(self, record: Record, confirm: Callable[[bool], None]) -> None:
        """As ``send``; then calls ``confirm``, once, on whatever thread.

        With true when the record is safe from whatever happens to this process: acknowledged by the
        sidecar, or written. With false when that is given up. Perhaps before this returns; never,
        where the delivery neither succeeds nor gives up before the process ends.
        """

    def flush(self, timeout_seconds: float, *, last: bool = False) -> bool:
        """Deliver what was taken before this call, within the time given; whether all of it was.

        With ``last`` the process may end right after: one attempt is made whatever the sidecar has
        said of when to come again. Blocks the calling thread for at most ``timeout_seconds``.
        """

    def close(self, timeout_seconds: float) -> None:
        """Flush, then let go of threads and descriptors. Called once, when the process stops."""

    def abandon(self) -> None:
        """Called in a forked child on the delivery it inherited, which stays the parent's.

        Closes (never unlocks) inherited descriptors and forgets what is buffered; sends nothing,
        waits for nothing, and takes no lock that a thread of the parent may have held.
        """

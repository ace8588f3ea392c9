"""Spool delivery: each record is on the file system before its task is handed over.

For an application and a sidecar that share a kernel and a directory. What was written survives
SIGKILL; the lock beside it tells the sidecar at once that the process died. A directory in memory
(tmpfs) is recommended: on a busy disk the slowest writes take milliseconds.
"""

from collections.abc import Callable
from time import time_ns
from typing import Final

from afterword import internal_errors, task_json
from afterword.delivery import directory as directories
from afterword.delivery.footing import Footing
from afterword.delivery.segments import (
    DEFAULT_HELD_BYTES,
    DEFAULT_SEGMENT_BYTES,
    DEFAULT_TOTAL_BYTES,
    Segments,
)
from afterword.evidence import Record
from afterword.otlp_json import Envelope, encode
from afterword.task_record import TaskRecord


class SpoolDelivery:
    """The spool of one stream. Touches the file system at the first record, not before.

    ``directory`` is made with ``directory_mode`` where there is none; where there is one, its own
    permissions decide those of the files in it (``directory.file_mode``). ``total_bytes`` bounds
    all segments in the directory together, ``segment_bytes`` each of ours, ``held_bytes`` what
    waits in memory while the disk is full. ``account`` makes a record of the stream's totals; it is
    asked for one when what was written has been taken away, from within any method.
    """

    def __init__(
        self,
        directory: str,
        stream: bytes,
        envelope: Envelope,
        *,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
        total_bytes: int = DEFAULT_TOTAL_BYTES,
        held_bytes: int = DEFAULT_HELD_BYTES,
        directory_mode: int = directories.DEFAULT_DIRECTORY_MODE,
        account: Callable[[], Record] | None = None,
    ) -> None:
        self._line: Final = envelope.line
        self._footing: Final = Footing(directory, stream.hex(), directory_mode)
        self._segments: Final = Segments(
            self._footing,
            segment_bytes=segment_bytes,
            total_bytes=total_bytes,
            held_bytes=held_bytes,
            account=None if account is None else lambda: self._line(encode(account())),
        )
        self._write: Final = self._segments.write
        self._broken = 0
        self._lost_before_flush = 0

    @property
    def lost(self) -> int:
        """Records that could not be written so far; each is a hole in the sequence."""
        return self._segments.lost + self._broken

    def opened(self, task: TaskRecord) -> None:
        """Write a task's opening; see ``send``."""
        try:
            self._write(self._line(task_json.opening(task)), task.at_ns)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            self._fail()

    def started(self, task: TaskRecord) -> None:
        """Write its start."""
        try:
            at_ns = task.at_ns + task.start_delay_ns
            self._write(self._line(task_json.started(task, at_ns)), at_ns)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            self._fail()

    def settled(self, task: TaskRecord) -> None:
        """Write its closing."""
        try:
            self._write(self._line(task_json.closing(task)), task.settled_at_ns)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            self._fail()

    def send(self, record: Record) -> None:
        """Write the record: it is in the kernel's hands when this returns.

        Or it waits in memory for room on a full disk, or is lost and counted.
        """
        try:
            self._write(self._line(encode(record)), record.at_ns)
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            self._fail()

    def _fail(self) -> None:
        self._broken += 1
        internal_errors.handle("writing evidence to the spool")

    def send_confirmed(self, record: Record, confirm: Callable[[bool], None]) -> None:
        """Write the record, and say at once whether it was written."""
        lost = self.lost
        self.send(record)
        confirm(self.lost == lost and not self._segments.waiting)

    def flush(self, timeout_seconds: float, *, last: bool = False) -> bool:  # noqa: ARG002 - the contract's; it never waits
        """Write what a full disk had no room for, if it has by now.

        False if it has not, or if records were lost since the last flush.
        """
        written = self._segments.flush(time_ns())
        lost, self._lost_before_flush = self._lost_before_flush, self.lost
        return written and self._lost_before_flush == lost

    def close(self, timeout_seconds: float) -> None:  # noqa: ARG002 - the contract's; it never waits
        """Let go of the segment, then of the lock: this stream will say no more."""
        self._segments.flush(time_ns())
        self._segments.close()
        self._footing.close()

    def abandon(self) -> None:
        """In a forked child: close what was inherited. The lock stays the parent's, and held."""
        self._segments.abandon()
        self._footing.close()

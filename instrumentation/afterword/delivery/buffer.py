"""Encoded records waiting to be sent: bounded in bytes, whatever the sidecar does. Pure.

When room runs out, long texts go first (payloads, stacks), oldest first; then tasks that both
began and ended in here become counts (``shedding``), oldest first. What is told of a task whose
opening has left is never shed, but for the place where it was pending: each open task keeps room
for its start and its closing, so the bound limits how many tasks may be announced at once (16,000
in 16 MiB). What an application hands over beyond that is told of when it ends, unless it is durable
or pending, which is told whatever room there is, as are signs of life. Counts are never shed: where
nothing else is left, they exceed the bound by a few hundred bytes for each kind of task, of 1,000
kinds at most, and by some for each task that is open.
"""

from collections import deque
from itertools import islice
from typing import Final

from afterword.delivery.batch import LINE_BYTES, Batch, Chunk, weight
from afterword.delivery.shedding import Rollups, without_detail

KEPT_BYTES: Final = 1000
"""Room that an announced task keeps for its closing, unless its opening is long."""
KEPT_FOR_START_BYTES: Final = 500
"""Room that it keeps for its start beside that, until it starts."""
FRESH_BYTES: Final = KEPT_BYTES + KEPT_FOR_START_BYTES + 1400
"""Room that a task takes that has not been announced yet."""
MOST_SIGNS: Final = 16
"""Records of the process itself that may wait for which there is no room."""
SHED: Final = "not sent: the buffer was full"
_MOST_LATER: Final = 64
"""In one chunk."""
_CHUNK_BYTES: Final = 400
"""What a chunk weighs beside its lines, and its places in what leads to it."""


class Buffer:
    """What waits, in the order of arrival.

    The size counts what waits, batches taken and not yet released, and room kept for closings.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes: Final = capacity_bytes
        self.size_bytes = 0
        self.lines = 0
        """Lines waiting, without those in batches taken."""
        self.shed_records = 0
        """Records dropped so far: each is a hole in the sequence."""
        self.shed_details = 0
        """Lines that lost their long texts, and tasks that became counts."""
        self.newest = 0
        """The serial of the chunk that came last; serials grow. 0 before the first."""
        self._chunks: Final[dict[int, Chunk]] = {}
        self._awaited: Final[dict[int, int]] = {}
        """Room kept for the closings of announced tasks, by the opening's sequence."""
        self._openings: Final[dict[int, int]] = {}
        """Openings that wait here, by sequence: their chunk's serial."""
        self._rollups: Final = Rollups()
        self._rollups_bytes = 0
        self._rollups_from = 0
        """The least serial of what was counted, if anything was."""
        self._signs: list[int] = []
        """The serials of what the process said of itself. Some of them may have left."""
        self._later = 0
        """The serial of the chunk that starts and closings are put into."""
        # In which order to shed. Serials of chunks that have left may still be in them.
        self._heavy: Final[deque[int]] = deque()
        self._whole: Final[deque[int]] = deque()

    @property
    def passed(self) -> int:
        """The serial up to which nothing waits any more."""
        if self._rollups:
            return self._rollups_from - 1
        return next(iter(self._chunks), self.newest + 1) - 1

    def room_for_tasks(self, payload_bytes: int) -> int:
        """How many tasks may wait to be announced, their payloads being so large in all."""
        left = self.capacity_bytes - self.size_bytes - payload_bytes
        return max(0, left // FRESH_BYTES)

    def add(self, lines: list[bytes], *, whole: bool = False, heavy: bool = False) -> None:
        """Take lines of one sort (``Chunk``), whatever room there is; ``fit`` makes room."""
        self.newest += 1
        self._put(self.newest, Chunk(lines, weight(lines) + _CHUNK_BYTES, whole, heavy))

    def add_opening(self, sequence: int, line: bytes, *, heavy: bool, ended: bool = False) -> None:
        """An opening that may leave by itself: room is kept for what is told of the task later.

        Unless it has ``ended`` already: its closing may have come before this.
        """
        size = len(line) + LINE_BYTES + _CHUNK_BYTES
        self.newest += 1
        self._put(self.newest, Chunk([line], size, heavy=heavy, task=sequence))
        if not ended:
            self._openings[sequence] = self.newest
            kept = max(KEPT_BYTES, 0 if heavy else len(line) + LINE_BYTES) + KEPT_FOR_START_BYTES
            self._awaited[sequence] = kept
            self.size_bytes += kept

    def has_opening(self, sequence: int) -> bool:
        """Whether this task's opening waits here, and may become one line with its closing."""
        return sequence in self._openings

    def add_start(self, sequence: int, line: bytes) -> None:
        """Take the start of a task, once: beside its opening where that waits here."""
        if sequence in self._awaited:
            self._awaited[sequence] -= KEPT_FOR_START_BYTES
            self.size_bytes -= KEPT_FOR_START_BYTES
        serial = self._openings.get(sequence)
        if serial is None:
            self._add_later(line)
        else:
            self._append(serial, line)

    def complete(self, sequence: int, line: bytes, *, heavy: bool) -> None:
        """Put all of a task, as one line, in the place of its opening, which waits here."""
        serial = self._openings.pop(sequence)
        self.size_bytes -= self._awaited.pop(sequence, 0)
        size = len(line) + LINE_BYTES + _CHUNK_BYTES
        self._put(serial, Chunk([line], size, whole=True, heavy=heavy))

    def keep_apart(self, sequence: int) -> None:
        """More is told of this open task than a closing repeats: it is not to become one line."""
        self._openings.pop(sequence, None)

    def add_closing(self, sequence: int, line: bytes, *, heavy: bool) -> None:
        """Take the closing of a task whose opening has left."""
        self.size_bytes -= self._awaited.pop(sequence, 0)
        if heavy:
            self.add([line], heavy=True)
        else:
            self._add_later(line)

    def add_sign(self, line: bytes) -> None:
        """Take what the process says of itself, whatever room there is: silence looks like death.

        Unless many such wait already: one beat is as good as the next.
        """
        self._signs = [serial for serial in self._signs if serial in self._chunks]
        if len(self._signs) >= MOST_SIGNS:
            self.add_other(line)
        else:
            self.add([line])
            self._signs.append(self.newest)

    def add_pending(self, sequence: int, line: bytes) -> None:
        """Take where an open task is pending; where else is no room, in its closing's, in brief.

        Its closing comes after it, if it comes at all.
        """
        if self.fit(len(line) + LINE_BYTES + _CHUNK_BYTES):
            self.add([line], heavy=True)
            return
        brief = without_detail(line, SHED)
        size = len(brief) + LINE_BYTES + _CHUNK_BYTES
        if size > self._awaited.get(sequence, 0):
            self.shed_records += 1
            return
        self._awaited[sequence] -= size
        self.size_bytes -= size
        self.add([brief])

    def add_other(self, line: bytes) -> None:
        """Take what may be shed where even the shedding of detail makes no room for it."""
        if self.fit(len(line) + LINE_BYTES + _CHUNK_BYTES):
            self.add([line])
        else:
            self.shed_records += 1

    def _add_later(self, line: bytes) -> None:
        """Take what is told of a task after its opening has left: many of them in one chunk."""
        last = self._chunks.get(self._later)
        if last is None or len(last.lines) >= _MOST_LATER:
            self.add([line])
            self._later = self.newest
        else:
            self._append(self._later, line)

    def _append(self, serial: int, line: bytes) -> None:
        chunk = self._chunks[serial]
        size = chunk.size_bytes + len(line) + LINE_BYTES
        self._put(serial, chunk._replace(lines=[*chunk.lines, line], size_bytes=size))

    def _put(self, serial: int, chunk: Chunk) -> None:
        before = self._chunks.get(serial)
        if before is not None:
            self.lines -= len(before.lines)
            self.size_bytes -= before.size_bytes
        self._chunks[serial] = chunk
        self.lines += len(chunk.lines)
        self.size_bytes += chunk.size_bytes
        if chunk.heavy and (before is None or not before.heavy):
            self._heavy.append(serial)
        if chunk.whole:
            self._whole.append(serial)

    def fit(self, more_bytes: int = 0) -> bool:
        """Shed until so much more fits, if there is enough to shed; whether it fits."""
        while not self.shed_details_for(more_bytes):
            if not self._shed_tasks():
                return False
        return True

    def shed_details_for(self, more_bytes: int) -> bool:
        """Shed long texts until so much more fits; whether it fits."""
        while self.size_bytes + more_bytes > self.capacity_bytes:
            if not self._shed_detail():
                return False
        return True

    def take(self, most_lines: int, most_bytes: int) -> Batch:
        """Remove the oldest chunks, up to these bounds, but at least one if any waits.

        Counts leave with the first batch: they stand for what was oldest.
        """
        lines = self._rollups.take()
        size = weight(lines)
        self.size_bytes += size - self._rollups_bytes
        self._rollups_bytes = 0
        taken = 0
        for chunk in self._chunks.values():
            if lines and (
                len(lines) + len(chunk.lines) > most_lines or size + chunk.size_bytes > most_bytes
            ):
                break
            taken += 1
            if chunk.task:
                self._openings.pop(chunk.task, None)
            size += chunk.size_bytes
            lines += chunk.lines
            self.lines -= len(chunk.lines)
        for serial in list(islice(self._chunks, taken)):
            del self._chunks[serial]
        for order in (self._heavy, self._whole):
            while order and order[0] not in self._chunks:
                order.popleft()
        return Batch(lines, size)

    def release(self, batch: Batch) -> None:
        """Give back the room of a batch, or a part of one, that was sent or given up."""
        self.size_bytes -= batch.size_bytes

    def _shed_detail(self) -> bool:
        while self._heavy:
            serial = self._heavy.popleft()
            chunk = self._chunks.get(serial)
            if chunk is not None and chunk.heavy:
                lines = [without_detail(chunk.lines[0], SHED), *chunk.lines[1:]]
                size = weight(lines) + _CHUNK_BYTES
                self._chunks[serial] = chunk._replace(lines=lines, size_bytes=size, heavy=False)
                self.size_bytes += size - chunk.size_bytes
                self.shed_details += 1
                return True
        return False

    def _shed_tasks(self) -> bool:
        while self._whole:
            serial = self._whole.popleft()
            chunk = self._chunks.pop(serial, None)
            if chunk is not None:
                first = self._rollups_from if self._rollups else serial
                self._rollups_from = min(first, serial)
                self._rollups.add(chunk.lines)
                self.lines -= len(chunk.lines)
                self.shed_details += len(chunk.lines)
                rollups_bytes = self._rollups.size_bytes
                self.size_bytes += rollups_bytes - self._rollups_bytes - chunk.size_bytes
                self._rollups_bytes = rollups_bytes
                return True
        return False

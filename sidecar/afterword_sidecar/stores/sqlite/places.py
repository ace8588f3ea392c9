"""Which row of the log holds the latest version of each open task.

A place is a number, twice the row's id, plus 1 if the task's payload is stored. A row's tasks share
two number objects, and keys are the ledger's own objects, so that an open task costs one entry of a
dictionary: 52 bytes at a million open (``benchmarks/store.py``). A foreign task, a stream by
itself, has its entry in one flat dictionary and not in one of its own, which would cost 230.
"""

from collections.abc import Iterator

from afterword_sidecar.ledger.facts import FOREIGN_SCHEDULED, FOREIGN_STREAM_BYTES
from afterword_sidecar.ledger.records import TaskKey


class Places:
    """Open tasks by key. Not aware of rows: ``openings`` is."""

    def __init__(self) -> None:
        self._by_stream: dict[bytes, dict[int, int]] = {}
        self._foreign: dict[bytes, int] = {}

    def get(self, key: TaskKey) -> int | None:
        """The place of an open task; ``None`` for any other."""
        stream, sequence = key
        if sequence == FOREIGN_SCHEDULED and len(stream) == FOREIGN_STREAM_BYTES:
            return self._foreign.get(stream)
        sequences = self._by_stream.get(stream)
        return None if sequences is None else sequences.get(sequence)

    def put(self, key: TaskKey, place: int) -> None:
        """The task is open, or has moved."""
        stream, sequence = key
        if sequence == FOREIGN_SCHEDULED and len(stream) == FOREIGN_STREAM_BYTES:
            self._foreign[stream] = place
            return
        sequences = self._by_stream.get(stream)
        if sequences is None:
            sequences = self._by_stream[stream] = {}
        sequences[sequence] = place

    def remove(self, key: TaskKey) -> None:
        """The task is open no longer; nothing happens if it was not."""
        stream, sequence = key
        if sequence == FOREIGN_SCHEDULED and len(stream) == FOREIGN_STREAM_BYTES:
            self._foreign.pop(stream, None)
            return
        sequences = self._by_stream.get(stream)
        if sequences is not None:
            sequences.pop(sequence, None)
            if not sequences:
                del self._by_stream[stream]

    def __len__(self) -> int:
        return len(self._foreign) + sum(map(len, self._by_stream.values()))

    def __iter__(self) -> Iterator[tuple[TaskKey, int]]:
        for stream, place in self._foreign.items():
            yield (stream, FOREIGN_SCHEDULED), place
        for stream, sequences in self._by_stream.items():
            for sequence, place in sequences.items():
                yield (stream, sequence), place

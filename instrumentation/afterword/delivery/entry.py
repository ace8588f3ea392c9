"""What waits in a buffer of one task, and what a batch of that becomes on the wire. Pure."""

from typing import NamedTuple

from afterword.evidence import Opening, Record, Settled, Started, without_payload
from afterword.otlp_json import encode, encode_folded


class Entry:
    """The waiting records of one task, by the sequence of its opening; or one other record."""

    __slots__ = (
        "folded",
        "key",
        "opening",
        "others",
        "records",
        "serial",
        "settled",
        "size_bytes",
        "started",
    )

    def __init__(self, key: int, serial: int) -> None:
        self.key = key
        self.serial = serial
        self.opening: Opening | None = None
        self.started: Started | None = None
        self.settled: Settled | None = None
        self.folded = b""
        """What opening, start and closing became, in their place, where no detail can be shed."""
        self.others: tuple[Record, ...] = ()
        self.records = 0
        """How many sequence numbers it stands for."""
        self.size_bytes = 0

    @property
    def whole(self) -> bool:
        """Whether the task both began and ended in here: the two become one record."""
        return self.folded != b"" or (self.opening is not None and self.settled is not None)

    def drop_payload(self, why: str) -> int:
        """Leave the payload out; its length in characters, 0 where there was none."""
        if self.opening is None or self.opening.payload is None:
            return 0
        length = len(self.opening.payload)
        self.opening = without_payload(self.opening, why)
        if self.settled is not None:
            self.settled = self.settled._replace(opening=self.opening)
        return length

    def fold(self, settled: Settled) -> bytes:
        """One log record as OTLP/JSON for what waits and this closing of it."""
        return encode_folded(settled, self.started.sequence if self.started else 0).encode()

    def encode(self) -> list[bytes]:
        """Its log records as OTLP/JSON, the opening first."""
        if self.folded and self.started is None and not self.others:
            return [self.folded]
        waiting: list[Record | None] = [self.opening, self.started, *self.others, self.settled]
        encoded = [self.folded] if self.folded else []
        if self.opening is not None and self.settled is not None:
            encoded = [self.fold(self.settled)]
            waiting = [*self.others]
        return encoded + [encode(record).encode() for record in waiting if record is not None]


class Batch(NamedTuple):
    """Entries that leave together."""

    entries: list[Entry]
    size_bytes: int
    """The room they take in the buffer until they are released."""

    @property
    def records(self) -> int:
        """How many sequence numbers it stands for."""
        return sum(entry.records for entry in self.entries)

    def encode(self) -> list[bytes]:
        """All its log records as OTLP/JSON."""
        encoded: list[bytes] = []
        for entry in self.entries:
            encoded += entry.encode()
        return encoded

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches of at least one entry each, in order; for two entries or more."""
        middle = len(self.entries) // 2
        first, second = self.entries[:middle], self.entries[middle:]
        size = sum(entry.size_bytes for entry in first)
        return Batch(first, size), Batch(second, self.size_bytes - size)

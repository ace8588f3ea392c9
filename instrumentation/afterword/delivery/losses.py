"""Lines that could not be written: what the lock file tells the sidecar of them. Pure.

A record that had no room shows as a hole only through a later one, and a process that ends may not
come to write another. So its lock file, whose few bytes are there from the beginning, says how far
the numbers went and how many closings are gone. Where there was no room even for these bytes, the
empty file's modification time says it, which takes none: a time that no clock shows any more.
"""

import re
from typing import Final, NamedTuple

from afterword import names

_SEQUENCE: Final = re.compile(
    rb'"key":"%s","value":\{"intValue":"([0-9]+)"' % re.escape(names.SEQUENCE).encode()
)
_SETTLED: Final = f'"eventName":"{names.EVENT_SETTLED}"'.encode()
_DIGITS: Final = 16
_MOST_BY_TIME: Final = names.SPOOL_TOLD_BY_TIME_BEFORE - 1
_SECOND_NS: Final = 1_000_000_000
NOTHING_LOST: Final = b" " * (2 * _DIGITS + 1) + b"\n"
"""What a lock file says at first: the room for the rest."""


class Losses(NamedTuple):
    """What was lost of one stream so far."""

    highest: int = 0
    """The greatest sequence number of a record that was lost."""
    closings: int = 0

    def after(self, line: bytes) -> "Losses":
        """With one more line, as ``otlp_json.Envelope.line`` made it."""
        found = _SEQUENCE.search(line)
        sequence = int(found[1]) if found else 0
        return Losses(max(self.highest, sequence), self.closings + (_SETTLED in line))

    def and_those(self, others: "Losses") -> "Losses":
        """With those of others, of the same stream."""
        highest = max(self.highest, others.highest)
        return Losses(highest, self.closings + others.closings)

    def words(self) -> bytes:
        """The lock file's content, always of the same length."""
        return f"{self.highest:>{_DIGITS}} {self.closings:>{_DIGITS}}\n".encode()

    def as_time_ns(self) -> int:
        """The same as a time, Unix nanoseconds: a second for a number, a nanosecond a closing."""
        highest = min(self.highest, _MOST_BY_TIME)
        return highest * _SECOND_NS + min(self.closings, _SECOND_NS - 1)

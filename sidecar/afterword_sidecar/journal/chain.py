"""How records hang together: each line names its number, its own hash and that of the line before.

    {"h":"<hash>","p":"<hash of the record before>","n":<number>,"is":"<kind>", …}

The hash is BLAKE2b, 128 bits, over the line's bytes from ``"p"`` to the last brace, so that
``b2sum -l 128`` gives the same. A line proves by itself that it is unaltered, and by its neighbours
that nothing between them is missing.
"""

import re
from hashlib import blake2b
from typing import Final

import msgspec

BEGINNING: Final = "0" * 32
"""What the first record of a book's first journal names as the one before it."""

_LINE: Final = re.compile(
    rb'\{"h":"([0-9a-f]{32})",("p":"([0-9a-f]{32})","n":([1-9][0-9]{0,17}),.*\})\n?', re.DOTALL
)


class Mark(msgspec.Struct, frozen=True):
    """A place in the chain: the number and the hash of a record; number 0 is before the first."""

    number: int = 0
    digest: str = BEGINNING

    def text(self) -> bytes:
        """As a book keeps it beside its totals."""
        return f"{self.number}:{self.digest}".encode()

    @classmethod
    def of(cls, text: bytes) -> "Mark":
        """What ``text`` made; the beginning for no text. Raises ``ValueError``."""
        if not text:
            return cls()
        number, _, digest = text.decode().partition(":")
        return cls(int(number), digest)


class Link(msgspec.Struct, frozen=True):
    """What a line says of its own place."""

    number: int
    previous: str
    digest: str
    intact: bool
    """Its hash is that of its bytes."""

    @property
    def mark(self) -> Mark:
        """Its place."""
        return Mark(self.number, self.digest)


def sealed(record: bytes, after: Mark) -> tuple[bytes, Mark]:
    """The line of ``record`` (a JSON object that is not empty) after a place, and its own place."""
    number = after.number + 1
    rest = b'"p":"%b","n":%d,%b' % (after.digest.encode(), number, record[1:])
    digest = blake2b(rest, digest_size=16).hexdigest()
    return b'{"h":"%b",%b\n' % (digest.encode(), rest), Mark(number, digest)


def link_of(line: bytes) -> Link | None:
    """What a line says of its place; ``None`` if it is no line of a journal."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    digest, rest, previous, number = found.groups()
    return Link(
        int(number),
        previous.decode(),
        digest.decode(),
        intact=blake2b(rest, digest_size=16).hexdigest().encode() == digest,
    )

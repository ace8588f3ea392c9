"""Complete lines out of a piece of a file. Pure: bytes in, lines and a count out."""

from typing import NamedTuple


class Split(NamedTuple):
    """What a piece of a file held."""

    lines: list[bytes]
    """Complete lines, without their ends, blank ones left out."""
    consumed: int
    """How many bytes of the piece are done with; the rest is the beginning of a line."""
    skipping: bool
    """Within a line that is too long: what comes next is passed over up to its end."""
    too_long: int
    """Lines that turned out too long in this piece."""


def split_lines(piece: bytes, *, skipping: bool, limit: int) -> Split:
    """Split ``piece``, which begins at a line's beginning unless ``skipping``.

    A line whose end is not in the piece is left for the next one, unless it already has ``limit``
    bytes: then it is passed over without ever being held whole.
    """
    start = 0
    if skipping:
        start = piece.find(b"\n") + 1
        if start == 0:
            return Split([], len(piece), skipping=True, too_long=0)
    end = piece.rfind(b"\n", start) + 1
    if end == 0:
        end = start
    lines = [line for line in piece[start:end].split(b"\n") if line]
    if len(piece) - end >= limit:
        return Split(lines, len(piece), skipping=True, too_long=1)
    return Split(lines, end, skipping=False, too_long=0)

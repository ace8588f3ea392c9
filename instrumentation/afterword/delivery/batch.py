"""Lines that wait together, and lines that leave together. Pure."""

from typing import Final, NamedTuple

LINE_BYTES: Final = 80
"""What a line weighs in memory beside its text: its object, and its place in a list."""


class Chunk(NamedTuple):
    """Records, encoded, that came together and are of one sort."""

    lines: list[bytes]
    size_bytes: int
    whole: bool = False
    """Each stands for a task that both began and ended in here: counts may take its place."""
    heavy: bool = False
    """Its first line has long texts, which may be left out."""
    task: int = 0
    """The opening's sequence, where it is what has been told of one open task."""


class Batch(NamedTuple):
    """Lines that leave together."""

    lines: list[bytes]
    size_bytes: int
    """The room they take in the buffer until they are released."""

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches of at least one line each, in order; for two lines or more."""
        middle = len(self.lines) // 2
        first, second = self.lines[:middle], self.lines[middle:]
        size = weight(first)
        return Batch(first, size), Batch(second, self.size_bytes - size)


def weight(lines: list[bytes]) -> int:
    """What lines weigh in memory."""
    return sum(map(len, lines)) + LINE_BYTES * len(lines)

"""Lines out of pieces: the same lines wherever the pieces are cut."""

import pytest

from afterword_sidecar.spool.lines import split_lines

TEXT = b"one\n\ntwo\nfour is far too long\nfive\n\nsi"
LIMIT = 10


def read(pieces: list[bytes]) -> tuple[list[bytes], int, bytes]:
    """What a reader gets that sees the file grow by ``pieces``: lines, too long ones, the rest."""
    lines: list[bytes] = []
    too_long, skipping, rest = 0, False, b""
    for piece in pieces:
        rest += piece
        while True:
            split = split_lines(rest[:LIMIT], skipping=skipping, limit=LIMIT)
            lines += split.lines
            too_long += split.too_long
            skipping = split.skipping
            rest = rest[split.consumed :]
            if not split.consumed:
                break
    return lines, too_long, rest


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_wherever_a_line_is_cut_the_lines_are_the_same(cut: int) -> None:
    """A cut at any byte changes nothing; blank lines and the too long one cost themselves alone."""
    assert read([TEXT[:cut], TEXT[cut:]]) == ([b"one", b"two", b"five"], 1, b"si")


def test_byte_by_byte() -> None:
    """The slowest writer is read like the fastest."""
    pieces = [TEXT[at : at + 1] for at in range(len(TEXT))]
    assert read(pieces) == ([b"one", b"two", b"five"], 1, b"si")


def test_a_line_of_exactly_the_limit_is_the_first_too_long() -> None:
    """The limit holds for what must be kept to find the end."""
    assert split_lines(b"123456789\n", skipping=False, limit=LIMIT).lines == [b"123456789"]
    assert split_lines(b"1234567890", skipping=False, limit=LIMIT).too_long == 1

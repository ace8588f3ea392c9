"""The sequence ranges of a rollup: "5-9 12-12"."""

from afterword_sidecar.ledger.facts import MAX_SEQUENCE
from afterword_sidecar.otlp.limits import ROLLUP_RANGES, ROLLUP_SEQUENCES
from afterword_sidecar.otlp.values import Rejected


def ranges_of(written: str, tasks: int) -> tuple[tuple[int, int], ...]:
    """The ranges, ascending and apart from one another, that stand for so many ``tasks``.

    Each task told at least an opening and a closing, or one record that is both. Raises
    ``Rejected`` (``bad_rollup``).
    """
    parts = written.split(" ", ROLLUP_RANGES)
    if len(parts) > ROLLUP_RANGES:
        raise Rejected("bad_rollup")
    ranges = []
    last, told = 0, 0
    for part in parts:
        first, last = _range(part, above=last)
        told += last - first + 1
        ranges.append((first, last))
    if not 0 < tasks <= told <= ROLLUP_SEQUENCES:
        raise Rejected("bad_rollup")
    return tuple(ranges)


def _range(written: str, *, above: int) -> tuple[int, int]:
    first_digits, _, last_digits = written.partition("-")
    if not (written.isascii() and first_digits.isdecimal() and last_digits.isdecimal()):
        raise Rejected("bad_rollup")
    try:
        first, last = int(first_digits), int(last_digits)
    except ValueError:  # thousands of digits
        raise Rejected("bad_rollup") from None
    if not above < first <= last <= MAX_SEQUENCE:
        raise Rejected("bad_rollup")
    return first, last

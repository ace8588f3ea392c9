"""Names in a spool directory: which file is whose. Pure; the writer has its own side of this.

``{stream}.lock`` is held by the process for its life, ``{stream}.{number}.jsonl`` are its segments,
``.{stream}.lock`` is a lock that is being made. Every other name is foreign and is left alone.
"""

import re
from typing import Final, NamedTuple

from afterword import names

LOCK: Final = 0
"""The number that stands for a stream's lock; segments are numbered from 1."""

_PATTERN: Final = re.compile(
    rf"([0-9a-f]{{32}})(?:{re.escape(names.SPOOL_LOCK_SUFFIX)}"
    rf"|\.([0-9]{{8,15}}){re.escape(names.SPOOL_SEGMENT_SUFFIX)})"
)
_TEMPORARY: Final = re.compile(rf"\.[0-9a-f]{{32}}{re.escape(names.SPOOL_LOCK_SUFFIX)}")


class SpoolFile(NamedTuple):
    """What a name says."""

    stream: str
    """32 hex digits."""
    number: int
    """Of the segment, or ``LOCK``."""


def parse(name: str) -> SpoolFile | None:
    """What ``name`` says, or ``None`` if it is not one of a stream's files."""
    match = _PATTERN.fullmatch(name)
    if match is None:
        return None
    stream, digits = match.groups()
    if digits is None:
        return SpoolFile(stream, LOCK)
    number = int(digits)
    # "000000001" would be a second name for segment 1: only the canonical one is ours.
    return SpoolFile(stream, number) if number and f"{number:08d}" == digits else None


def is_temporary(name: str) -> bool:
    """Whether ``name`` is that of a lock that was being made."""
    return _TEMPORARY.fullmatch(name) is not None


def lock_name(stream: str) -> str:
    """The name of a stream's lock file."""
    return stream + names.SPOOL_LOCK_SUFFIX


def segment_name(stream: str, number: int) -> str:
    """The name of a stream's segment."""
    return f"{stream}.{number:08d}{names.SPOOL_SEGMENT_SUFFIX}"

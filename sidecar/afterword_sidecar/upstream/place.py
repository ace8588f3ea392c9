"""Where in a trace a task stands, from the bytes its entry keeps. Pure."""

from hashlib import sha256
from typing import Final, NamedTuple

from afterword_sidecar.ledger.records import OpenTask

_TRACE: Final = slice(0, 16)
_SPAN: Final = slice(16, 24)
_PARENT: Final = slice(24, 32)
_FLAGS: Final = 32
_NONE: Final = bytes(8)


class Place(NamedTuple):
    """Ids as bytes; ``b""`` where there is none."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    sampled: bool


def place_of(task: OpenTask) -> Place | None:
    """The task's place; ``None`` if it was handed over outside any trace."""
    trace = task.trace
    if not trace:
        return None
    span_id, parent = trace[_SPAN], trace[_PARENT]
    return Place(
        trace[_TRACE],
        b"" if span_id == _NONE else span_id,
        b"" if parent == _NONE else parent,
        bool(trace[_FLAGS] & 1),
    )


def made_span_id(task: OpenTask) -> bytes:
    """A span id for a task that never had a span of its own: the same whenever it is asked for."""
    return sha256(b"span %b %d" % (task.source.stream, task.sequence)).digest()[:8]

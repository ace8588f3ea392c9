"""A function run in a forked child that ends by ``os._exit``: no cleanup, no exit hooks."""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from selectors import EVENT_READ, DefaultSelector
from time import monotonic
from typing import Final, NamedTuple, NoReturn

_FAILED_STATUS: Final = 70
_CHUNK_BYTES: Final = 65536


class Death(NamedTuple):
    """How a child ended."""

    status: int
    """Its exit status; negative: the signal that killed it."""
    output: bytes = b""
    """What its function returned."""
    is_late: bool = False
    """It was killed because it took too long."""


def in_child(work: Callable[[], bytes], timeout_seconds: float) -> Death:
    """Run ``work`` in a fork of this process, and wait for its end.

    Args:
        work: Called in the child; what it returns comes back. If it raises, the child prints the
            traceback to standard error and ends with a status other than 0.
        timeout_seconds: After which the child is killed.

    Raises:
        OSError: No process could be made.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 on warns of threads: the child uses none of its parent's.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)
        _live(work, writing)
    os.close(writing)
    try:
        output, is_late = _read(reading, timeout_seconds)
    finally:
        os.close(reading)
    if is_late:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return Death(os.waitstatus_to_exitcode(status), output, is_late)


def _live(work: Callable[[], bytes], writing: int) -> NoReturn:
    status = _FAILED_STATUS
    try:
        rest = memoryview(work())
        while rest:
            rest = rest[os.write(writing, rest) :]
        status = 0
    except BaseException:  # noqa: BLE001 - the parent's stack is below this frame and must not go on
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _read(reading: int, timeout_seconds: float) -> tuple[bytes, bool]:
    """All that comes until the child has gone; whether it has not in time."""
    due = monotonic() + timeout_seconds
    chunks: list[bytes] = []
    with DefaultSelector() as selector:
        selector.register(reading, EVENT_READ)
        while selector.select(max(0.0, due - monotonic())):
            chunk = os.read(reading, _CHUNK_BYTES)
            if not chunk:
                return b"".join(chunks), False
            chunks.append(chunk)
    return b"".join(chunks), True

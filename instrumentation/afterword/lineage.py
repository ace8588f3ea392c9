"""Whether this is still the process that asks, or a child that was forked from it meanwhile.

Asked at every use, as not every server runs at-fork hooks. The process id says so, by a system
call; a page that the kernel wipes in a forked child (``MADV_WIPEONFORK``, Linux 4.14) says it in a
tenth of that time.
"""

import os
import sys
from typing import Final, Protocol

_MADV_WIPEONFORK: Final = 18
"""Of Linux; where it is another number, the kernel refuses this one."""


class Mark(Protocol):
    """Item 0 is 1 in the process that made it, and 0 in whatever is forked from that."""

    def __getitem__(self, index: int, /) -> int: ...


class _ByPid:
    """For kernels that cannot wipe a page."""

    def __init__(self) -> None:
        self._pid: Final = os.getpid()

    def __getitem__(self, index: int, /) -> int:
        return int(os.getpid() == self._pid)


def mark() -> Mark:
    """The mark of this process."""
    try:
        from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap  # noqa: PLC0415 - none in a browser

        page = mmap(-1, 1, flags=MAP_PRIVATE | MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
        page[0] = 1
    except (ImportError, AttributeError, OSError, ValueError):
        return _ByPid()
    return page if sys.platform == "linux" else _ByPid()

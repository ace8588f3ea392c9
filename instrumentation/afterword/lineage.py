"""Whether this is still the process that asks, or a child that was forked from it meanwhile.

Asked at every use, as not every server runs at-fork hooks. The process id says so, by a system
call; a page that the kernel wipes in a forked child (``MADV_WIPEONFORK``, Linux 4.14) says it in a
tenth of that time. It is advice, and an emulated kernel may take it and do nothing: so an at-fork
hook wipes the page too, and a child goes on as its parent only where neither does.
"""

import os
import sys
from typing import Final, Protocol

_MADV_WIPEONFORK: Final = 18
"""Of Linux; where it is another number, the kernel refuses this one."""


class Mark(Protocol):
    """Item 0 is 1 in the process that made it, and 0 in whatever is forked from that."""

    def __getitem__(self, index: int, /) -> int: ...


class _Page(Mark, Protocol):
    def __setitem__(self, index: int, value: int, /) -> None: ...


class _ByPid:
    """For kernels that cannot wipe a page."""

    def __init__(self) -> None:
        self._pid: Final = os.getpid()

    def __getitem__(self, index: int, /) -> int:
        return int(os.getpid() == self._pid)


_made: tuple[int, Mark] | None = None
"""The mark made last, and by which process: one is enough for all streams of that."""
_pages: Final[list[_Page]] = []
"""For the at-fork hook, which is there once the first was made: one, or two where threads raced."""


def mark() -> Mark:
    """The mark of this process."""
    global _made  # noqa: PLW0603 - a process has one
    pid = os.getpid()
    if _made is not None and _made[0] == pid and _made[1][0]:
        return _made[1]
    page = _wiped_page()
    made = _ByPid() if page is None else page
    _made = (pid, made)
    return made


def _wiped_page() -> Mark | None:
    """``None`` where there is no such thing."""
    try:
        from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap  # noqa: PLC0415 - none in a browser

        page = mmap(-1, 1, flags=MAP_PRIVATE | MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
        page[0] = 1
    except (ImportError, AttributeError, OSError, ValueError):
        return None
    if sys.platform != "linux":
        return None
    _pages.append(page)
    _watch_forks()
    return page


_watches_forks = False


def _watch_forks() -> None:
    global _watches_forks  # noqa: PLW0603 - hooks are the process's, and its children have them
    if not _watches_forks:
        _watches_forks = True
        os.register_at_fork(after_in_child=_wipe)


def _wipe() -> None:
    while _pages:
        _pages.pop()[0] = 0

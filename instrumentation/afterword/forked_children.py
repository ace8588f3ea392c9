"""Children that ``multiprocessing`` forks: they end by ``os._exit``, which runs nothing of atexit.

It has hooks of its own for them, which it runs when the child's function has returned or raised.
A spawned child ends as every program does, and needs none.
"""

from collections.abc import Callable
from typing import Final

_AFTER_ALL_OTHERS: Final = -100
"""Of its hooks; those from 0 run before it has joined the child's own children, the others then."""


def at_end(call: Callable[[], None]) -> None:
    """Have it called at this process's end, if the process is such a child.

    For processes that have imported ``multiprocessing``: no other is a child of it.
    """
    from multiprocessing import get_start_method, parent_process, util  # noqa: PLC0415 - is there

    # Once the child runs, the method is the one that it was started by.
    if parent_process() is not None and get_start_method(allow_none=True) != "spawn":
        util.Finalize(None, call, exitpriority=_AFTER_ALL_OTHERS)

"""Event loops that close: what is still pending on one can never run again.

``asyncio.run`` cancels what is left before it closes its loop, and the tasks tell that themselves.
Whoever drives a loop by hand mostly does not, and asyncio then says no more than "Task was
destroyed but it is pending!", if that.
"""

import sys
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable
from typing import Any, Final

from afterword import shutdown
from afterword.platforms.patch import Patch

_patches: Final[dict[type, Patch]] = {}


def hook() -> None:
    """Hook asyncio's loops, and uvloop's where it has been imported."""
    _put(BaseEventLoop)
    uvloop = sys.modules.get("uvloop")
    loop = getattr(uvloop, "Loop", None)
    if loop is not None:
        _put(loop)


def unhook() -> None:
    """The classes' methods are as they were."""
    for patch in _patches.values():
        patch.remove()


def _put(owner: type) -> None:
    _patches.setdefault(owner, Patch(owner, "close", _closing)).install()


def _closing(original: Callable[[Any], None]) -> Callable[[Any], None]:
    def close(self: Any) -> None:
        if not self.is_closed() and not self.is_running():
            shutdown.settle_on_closed_loop(self)
        original(self)

    return close

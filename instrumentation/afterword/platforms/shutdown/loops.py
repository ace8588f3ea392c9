"""Event loops that close: what is still pending on one can never run again.

``asyncio.run`` cancels what is left before it closes its loop, and the tasks tell that themselves.
Whoever drives a loop by hand mostly does not, and asyncio then says no more than "Task was
destroyed but it is pending!", if that.
"""

import functools
import sys
from asyncio.base_events import BaseEventLoop
from typing import Any, Final

from afterword import shutdown

_originals: Final[dict[type, tuple[Any, Any]]] = {}
"""By class: its own ``close``, or ``None`` where it inherits one; and ours."""


def hook() -> None:
    """Hook asyncio's loops, and uvloop's where it has been imported."""
    _put(BaseEventLoop)
    uvloop = sys.modules.get("uvloop")
    loop = getattr(uvloop, "Loop", None)
    if loop is not None:
        _put(loop)


def unhook() -> None:
    """The classes' methods are as they were."""
    for owner, (original, ours) in _originals.items():
        if vars(owner).get("close") is ours:
            if original is None:
                del owner.close  # type: ignore[attr-defined] # ours
            else:
                owner.close = original  # type: ignore[attr-defined] # its own
    _originals.clear()


def _put(owner: Any) -> None:
    if owner in _originals:
        return
    inherited = owner.close

    @functools.wraps(inherited)
    def close(self: Any) -> None:
        if not self.is_closed() and not self.is_running():
            shutdown.settle_on_closed_loop(self)
        inherited(self)

    _originals[owner] = (vars(owner).get("close"), close)
    owner.close = close

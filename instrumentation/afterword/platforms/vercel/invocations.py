"""Invocations under way: which tasks belong together, and what is to send their evidence.

The runtime gives every invocation one mapping of headers and shows it through ``get_headers`` to
all tasks and threads that the invocation's context reaches. So that object is the invocation, for
us; two invocations at a time never share one.
"""

import os
from collections.abc import Mapping
from threading import RLock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from afterword.platforms.vercel.drain import Batch
    from afterword.platforms.vercel.sdk import Sdk

REQUEST_ID_HEADER: Final = "x-vercel-id"
"""The request's id as Vercel's logs show it; the runtime keeps its own id to itself."""
_MOST_UNDER_WAY: Final = 1000

lock: Final = RLock()
"""Held for a few instructions at a time; handlers may hand over from threads of their own."""
_under_way: Final[dict[int, "Invocation"]] = {}


class Invocation:
    """One request being handled, from its first task to the end of its drain."""

    def __init__(self, headers: Mapping[str, str] | None, deadline: float | None) -> None:
        self.headers: Final = headers  # kept, so that no other mapping gets its identity
        self.deadline: Final = deadline
        self.id: Final = _unique_id(headers)
        self.scheduled = 0
        self.started = 0
        self.batch: Batch | None = None
        """The latest one; tasks join it until it begins."""

    def end(self) -> None:
        """Its drain is over, as far as we can see."""
        with lock:
            if _under_way.get(id(self.headers)) is self:
                del _under_way[id(self.headers)]


def here(sdk: "Sdk") -> Invocation:
    """The invocation that this code runs in. Outside of any, one that will never be admitted."""
    headers = sdk.headers()
    with lock:
        known = _under_way.get(id(headers)) if headers is not None else None
        return known or Invocation(headers, sdk.deadline())


def keep(invocation: Invocation) -> None:
    """Remember an invocation that Vercel lets hand over work. Called with the lock held."""
    if invocation.headers is None:
        return  # nothing to recognise it by: each of its tasks is looked after alone
    while len(_under_way) >= _MOST_UNDER_WAY:
        del _under_way[next(iter(_under_way))]
    _under_way[id(invocation.headers)] = invocation


def _unique_id(headers: Mapping[str, str] | None) -> str:
    """Vercel's id of the request, made our own where there is none or somebody repeats one."""
    given = headers.get(REQUEST_ID_HEADER, "") if headers is not None else ""
    if given and all(given != other.id for other in list(_under_way.values())):
        return given
    drawn = os.urandom(8).hex()
    return f"{given}/{drawn}" if given else drawn

"""Our code in the SDK's function: whoever holds that function, however they came by it, is watched.

An application has ``wait_until`` in module globals, closures, default arguments and partials, from
before and after we came. They all hold one function object, so the object stays and its code goes.
The code runs with the globals of the SDK's module and may close over nothing; that is why it
imports what it needs.
"""

from types import CodeType, FunctionType
from typing import Any

from afterword.platforms.vercel.sdk import Sdk

_swapped: tuple[FunctionType, CodeType, CodeType] | None = None
"""The function, its own code, and ours."""


def put_in() -> None:
    """Put our code in, once. Raises as ``Sdk.found`` does."""
    global _swapped  # noqa: PLW0603 - there is one such function
    public = Sdk.found().public
    if _swapped is not None and public.__code__ is _swapped[2]:
        return
    own = public.__code__
    ours = _watched.__code__
    ours = ours.replace(
        co_varnames=own.co_varnames[:1] + ours.co_varnames[1:],  # it may be called by keyword
        co_name=own.co_name,
        co_qualname=own.co_qualname,
    )
    _swapped = (public, own, ours)
    public.__code__ = ours


def take_out() -> None:
    """Put its own code back, unless somebody else has put in theirs meanwhile."""
    global _swapped  # noqa: PLW0603 - see above
    if _swapped is None:
        return
    public, own, ours = _swapped
    if public.__code__ is ours:
        public.__code__ = own
    _swapped = None


def _watched(awaitable: Any) -> None:
    from afterword.platforms.vercel.handing_over import hand_over  # noqa: PLC0415 - see the module

    hand_over(awaitable)

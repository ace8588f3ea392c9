"""Our code in a function of the standard library's, so that every reference to it is watched.

``from asyncio import create_task`` has run long before anybody instruments anything, so the
function object stays and its code goes. The code that is put in runs with the globals of the
function's own module and closes over nothing; that is why it imports what it needs.
"""

from types import CodeType, FunctionType
from typing import Any, Final

from afterword.platforms import PlatformError


class Swap:
    """One function. ``own`` does what it did before we came."""

    def __init__(self, function: object, ours: CodeType) -> None:
        if not isinstance(function, FunctionType) or function.__code__.co_freevars:
            raise PlatformError(
                f"{function!r} is no plain function, as in the versions of Python that we know; "
                "is there a newer afterword?"
            )
        self._function: Final = function
        self._code: Final[CodeType] = function.__code__
        self._ours: Final[CodeType] = ours.replace(
            co_name=self._code.co_name, co_qualname=self._code.co_qualname
        )
        self.own: Final[Any] = FunctionType(
            self._code, function.__globals__, function.__name__, function.__defaults__
        )
        self.own.__kwdefaults__ = function.__kwdefaults__

    def put_in(self) -> None:
        """Put our code in; again changes nothing."""
        self._function.__code__ = self._ours

    def take_out(self) -> None:
        """Put its own back, unless somebody else has put in theirs meanwhile."""
        if self._function.__code__ is self._ours:
            self._function.__code__ = self._code

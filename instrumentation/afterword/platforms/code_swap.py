"""Our code in somebody else's function: whoever holds that function is watched.

An application has it in module globals, closures, default arguments and partials, from before and
after we came: ``from asyncio import create_task`` has run long before anybody instruments anything.
They all hold one function object, so the object stays and its code goes. The code that is put in
runs with the globals of the function's own module and closes over nothing; that is why it imports
what it needs.
"""

from types import CodeType, FunctionType
from typing import Any, Final

from afterword.platforms import PlatformError


class CodeSwap:
    """One function. ``own`` does what it did before we came."""

    def __init__(self, function: object, ours: CodeType) -> None:
        if not isinstance(function, FunctionType) or function.__code__.co_freevars:
            raise PlatformError(
                f"{function!r} is no plain function, as in the versions that we know; "
                "is there a newer afterword?"
            )
        self.function: Final = function
        self._code = code = function.__code__
        positional = ours.co_argcount
        self._ours: Final[CodeType] = ours.replace(
            # It may be called by keyword.
            co_varnames=code.co_varnames[:positional] + ours.co_varnames[positional:],
            co_name=code.co_name,
            co_qualname=code.co_qualname,
        )
        self.own: Final[Any] = twin(function)

    def put_in(self) -> None:
        """Put our code in; again changes nothing."""
        if self.function.__code__ is not self._ours:
            self._code = self.function.__code__
            self.function.__code__ = self._ours

    def take_out(self) -> None:
        """Put back what was there, unless somebody else has put in theirs meanwhile."""
        if self.function.__code__ is self._ours:
            self.function.__code__ = self._code


def twin(function: FunctionType) -> FunctionType:
    """A function that does what this one does now, whatever becomes of this one."""
    same = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    same.__kwdefaults__ = function.__kwdefaults__
    same.__module__ = function.__module__
    same.__qualname__ = function.__qualname__
    return same

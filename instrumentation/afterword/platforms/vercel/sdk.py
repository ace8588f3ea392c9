"""All that we know of the ``vercel`` package: three public functions.

Its private context is its own: set by the runtime, read by the SDK, and about to move. What we need
of it shows in what the public functions do.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    CO_VARARGS,
    CO_VARKEYWORDS,
    unwrap,
)
from types import CodeType, FunctionType
from typing import Any, Final

from afterword import internal_errors
from afterword.platforms import PlatformError
from afterword.platforms.code_swap import twin

_NOT_PLAIN: Final = CO_ASYNC_GENERATOR | CO_COROUTINE | CO_GENERATOR | CO_VARARGS | CO_VARKEYWORDS


class Sdk:
    """The SDK of this process.

    ``public`` is ``vercel.functions.wait_until`` itself, the object that applications hold;
    ``wait_until`` is a function of ours with the code it has now: what it did before we came.
    """

    def __init__(self, public: FunctionType, functions: object) -> None:
        self.public: Final = public
        self.wait_until: Final[Callable[[Any], None]] = twin(public)
        self._deadline: Final = getattr(functions, "get_deadline", None)
        self._headers: Final = getattr(functions, "get_headers", None)

    @classmethod
    def found(cls) -> "Sdk":
        """The SDK of this process, found once: the twin must not be made of code that we put in.

        Raises:
            ImportError: There is none.
            PlatformError: Its ``wait_until`` is not as we know it.
        """
        global _found  # noqa: PLW0603 - a process has one SDK
        functions = import_module("vercel.functions")
        public = unwrap(functions.wait_until)
        if _found is None or _found.public is not public:
            _found = cls(_plain(public), functions)
        return _found

    def deadline(self) -> float | None:
        """When Vercel will stop this invocation, in Unix seconds; ``None`` if it does not say."""
        try:
            moment = self._deadline() if self._deadline is not None else None
            return float(moment.timestamp()) if moment is not None else None
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("asking Vercel for the deadline")
            return None

    def headers(self) -> Mapping[str, str] | None:
        """The request's headers: one object an invocation, whichever thread or task asks."""
        try:
            return self._headers() if self._headers is not None else None
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle("asking Vercel for the request's headers")
            return None


_found: Sdk | None = None


def _plain(function: object) -> FunctionType:
    """The function, if other code can take the place of its own: of one argument, no closure."""
    if isinstance(function, FunctionType):
        code = function.__code__
        if code.co_argcount == 1 and not code.co_kwonlyargcount and _is_plain(code):
            return function
    raise PlatformError(
        f"vercel.functions.wait_until is {function!r} and no plain function of one argument, "
        "as in the releases of vercel that we know; is there a newer afterword?"
    )


def _is_plain(code: CodeType) -> bool:
    return not code.co_freevars and not code.co_flags & _NOT_PLAIN

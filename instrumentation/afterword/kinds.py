"""Naming: which kind of task an awaitable is, and which functions were marked as tasks."""

from collections.abc import Callable
from functools import partial
from types import CodeType, CoroutineType
from typing import Any, Final, NamedTuple


class Registration(NamedTuple):
    """A function marked with ``@afterword.deferred``."""

    function: Callable[..., Any]
    name: str
    """Stable: what its tasks are called, and what a replay looks the function up by."""
    timeout_seconds: float | None = None
    capture: bool | None = None
    durable: bool | None = None


class Naming(NamedTuple):
    """What is known of an awaitable before it is handed over."""

    name: str
    function: str
    registration: Registration | None


registered: Final[dict[str, Registration]] = {}
"""By name."""
_by_code: Final[dict[tuple[int, str], Registration]] = {}
_MOST_REMEMBERED: Final = 4096
_namings: Final[dict[tuple[int, str], tuple[CodeType, Naming]]] = {}
"""By code and qualified name: one decorator's wrapper is the code of many functions. The code is
kept, so that its id is not given to another."""


def register(registration: Registration) -> None:
    """Remember a marked function. The same name again replaces: a module may be reloaded."""
    function = registration.function
    registered[registration.name] = registration
    _by_code[(id(function.__code__), function.__qualname__)] = registration
    _namings.clear()


def naming_of_coroutine(coroutine: "CoroutineType[Any, Any, Any]") -> Naming:
    """The naming of a coroutine that has not started: one dictionary look-up after the first."""
    code = coroutine.cr_code
    key = (id(code), coroutine.__qualname__)
    known = _namings.get(key)
    if known is not None:
        return known[1]
    frame = coroutine.cr_frame
    module = frame.f_globals.get("__name__", "") if frame is not None else ""
    naming = _naming(module, key[1], _by_code.get(key))
    if len(_namings) < _MOST_REMEMBERED:
        _namings[key] = (code, naming)
    return naming


def naming_of(awaitable: Any) -> Naming:
    """The naming of any awaitable. A task is named as its coroutine."""
    get_coroutine = getattr(awaitable, "get_coro", None)
    subject = get_coroutine() if get_coroutine is not None else awaitable
    if isinstance(subject, CoroutineType):
        return naming_of_coroutine(subject)
    qualified_name = getattr(subject, "__qualname__", None)
    frame = getattr(subject, "gi_frame", None)
    if isinstance(qualified_name, str) and frame is not None:
        return _naming(frame.f_globals.get("__name__", ""), qualified_name, None)
    kind = type(subject)
    return _naming(kind.__module__, kind.__qualname__, None)


def naming_of_function(function: Any) -> Naming:
    """The naming of what a platform will call by itself: a function, a partial, an object."""
    while isinstance(function, partial):
        function = function.func
    qualified_name = getattr(function, "__qualname__", None)
    if not isinstance(qualified_name, str):
        kind = type(function)
        return _naming(kind.__module__, kind.__qualname__, None)
    code = getattr(function, "__code__", None)
    registration = _by_code.get((id(code), qualified_name))
    return _naming(getattr(function, "__module__", ""), qualified_name, registration)


def _naming(module: Any, qualified_name: str, registration: Registration | None) -> Naming:
    name = registration.name if registration is not None else qualified_name
    return Naming(name, f"{module}.{qualified_name}" if module else qualified_name, registration)

"""``@deferred``: marks a coroutine function whose calls are handed over as tasks."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, TypeVar, overload

from afterword.kinds import Registration, register

F = TypeVar("F", bound=Callable[..., Any])


@overload
def deferred(function: F, /) -> F: ...


@overload
def deferred(
    *,
    name: str | None = None,
    timeout: float | None = None,
    capture: bool | None = None,
    durable: bool | None = None,
) -> Callable[[F], F]: ...


def deferred(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    timeout: float | None = None,
    capture: bool | None = None,
    durable: bool | None = None,
) -> F | Callable[[F], F]:
    """Mark a coroutine function; with or without arguments. The function itself is not changed.

    What its calls return is handed to ``wait_until`` as ever; the mark gives such tasks a stable
    name (a replay finds the function by it), a time-out, and decisions on capture
    and durability.

    Args:
        function: An ``async def`` function.
        name: What its tasks are called; by default its qualified name.
        timeout: Seconds after which the work is cancelled, unless ``wait_until`` says otherwise.
        capture: Whether its arguments are kept with a dead letter; by default as the settings say.
        durable: Whether its work waits until the sidecar knows of it; by default as the settings
            say.

    Raises:
        TypeError: ``function`` is no ``async def`` function.
    """

    def mark(marked: F) -> F:
        if not iscoroutinefunction(marked) or not _is_function(marked):
            raise TypeError(
                f"@afterword.deferred on {marked!r}: mark an async def function; of a partial, "
                "the function that it calls"
            )
        register(Registration(marked, name or marked.__qualname__, timeout, capture, durable))
        return marked

    return mark if function is None else mark(function)


def _is_function(marked: object) -> bool:
    """Whether its calls can be known again: a partial passes for a coroutine function too."""
    return hasattr(marked, "__code__") and hasattr(marked, "__qualname__")

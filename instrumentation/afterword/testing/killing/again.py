"""Tasks that were cut off, run again from their payloads, as a replay in a new process would."""

import asyncio
import inspect
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from afterword import names, surroundings
from afterword.capture.classes import PayloadError
from afterword.capture.reading import decode
from afterword.capture.scalars import TAG
from afterword.failures import class_name
from afterword.kinds import registered
from afterword.surroundings import Surroundings
from afterword.testing.deferred_tasks import DeferredTasks
from afterword.testing.killing.observed import Opened
from afterword.testing.killing.run import Run
from afterword.testing.killing.steps import root
from afterword.tracking import wait_until

_LEFT_OUT: Final = frozenset({"redacted", "omitted"})


class CannotRunAgainError(Exception):
    """The task cannot be run again: what is kept of it does not suffice."""


async def run_all_again(letters: Sequence[Opened], run: Run, timeout_seconds: float) -> None:
    """Run them one after the other, in the order in which they were handed over.

    What they raise is told by the run, and not raised. What they hand over in turn is awaited.

    Args:
        letters: The tasks that were cut off.
        run: The run that this is.
        timeout_seconds: How long they may take to end, all together.

    Raises:
        TimeoutError: They did not end in time.
    """
    async with asyncio.timeout(timeout_seconds):
        for letter in letters:
            token = root.set(letter.root)
            try:
                run.ran_again(letter.task, await _run_again(letter))
            finally:
                root.reset(token)
    await DeferredTasks(run.delivery).drain(timeout_seconds=timeout_seconds)


async def _run_again(letter: Opened) -> str:
    """Why it did not complete; empty if it did."""
    try:
        call = call_of(letter)
    except (CannotRunAgainError, PayloadError) as error:
        return f"cannot be run again: {error}"
    token = surroundings.current.set(Surroundings(names.ORIGIN_REPLAY, f"cut-{letter.task}"))
    try:
        future = wait_until(_begun(call), name=letter.name)
    finally:
        surroundings.current.reset(token)
    if future is None:
        return "cannot be run again: its platform runs it elsewhere"
    await asyncio.wait([future])
    if future.cancelled():
        return "was cancelled when it was run again"
    raised = future.exception()
    return f"raised {class_name(type(raised))}: {raised}" if raised is not None else ""


def _begun(call: Callable[[], Any]) -> Awaitable[Any]:
    """What to hand over: the coroutine itself, so that its time-out and its name are its own."""
    if inspect.iscoroutinefunction(call):
        coroutine: Awaitable[Any] = call()
        return coroutine
    return _called(call)


async def _called(call: Callable[[], Any]) -> None:
    result = await asyncio.to_thread(call)
    if isinstance(result, Awaitable):
        await result


def call_of(letter: Opened) -> Callable[[], Any]:
    """The call that the task was: its function, bound to the arguments of its payload.

    Raises:
        CannotRunAgainError: There is no such function, or arguments are missing.
        PayloadError: The arguments name a class that is not loaded.
    """
    function = _function_of(letter)
    if letter.payload is None:
        raise CannotRunAgainError(f"it has no payload: {letter.omitted or 'capture is off for it'}")
    document = json.loads(letter.payload)
    if "arguments" not in document:
        raise CannotRunAgainError("its payload was given by the caller and is not its arguments")
    left_out = _left_out(document["arguments"])
    if left_out:
        raise CannotRunAgainError(f"its argument {left_out} is not in its payload")
    arguments = decode(json.dumps(document["arguments"]))
    return _bound(function, arguments)


def _function_of(letter: Opened) -> Callable[..., Any]:
    """By its registered name, else by module and qualified name among the modules loaded."""
    registration = registered.get(letter.name)
    if registration is not None:
        return registration.function
    parts = letter.function.split(".")
    for end in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:end]))
        if found is None:
            continue
        for part in parts[end:]:
            found = getattr(found, part, None)
        if callable(found):
            function: Callable[..., Any] = found
            return function
    raise CannotRunAgainError(
        f"no function {letter.function} is found; define it in a module, or in a fixture that marks"
        " it with @afterword.deferred"
    )


def _bound(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Callable[[], Any]:
    positional: list[Any] = []
    by_name: dict[str, Any] = {}
    for name, parameter in inspect.signature(function, follow_wrapped=False).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(arguments.get(f"*{name}", ()))
        elif parameter.kind is parameter.VAR_KEYWORD:
            by_name.update(arguments.get(f"**{name}", {}))
        elif name not in arguments:
            raise CannotRunAgainError(f"its payload has no argument {name}")
        elif parameter.kind is parameter.KEYWORD_ONLY:
            by_name[name] = arguments[name]
        else:
            positional.append(arguments[name])
    return partial(function, *positional, **by_name)


def _left_out(arguments: Mapping[str, Any]) -> str:
    """The first argument of which something was redacted or could not be written."""
    return next((name for name, tree in arguments.items() if _has_gap(tree)), "")


def _has_gap(tree: Any) -> bool:
    if isinstance(tree, list):
        return any(map(_has_gap, tree))
    if isinstance(tree, dict):
        return tree.get(TAG) in _LEFT_OUT or any(map(_has_gap, tree.values()))
    return False

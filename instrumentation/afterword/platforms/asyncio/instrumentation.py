"""The two functions whose code is ours while tasks are watched."""

import asyncio
from inspect import unwrap
from typing import Any, Final

from afterword import settings
from afterword.internal_errors import logger
from afterword.platforms.asyncio.creating import create
from afterword.platforms.code_swap import CodeSwap

_TASK: Final = "task"
_TASK_IN_GROUP: Final = "task_in_group"
swaps: Final[dict[str, CodeSwap]] = {}
"""Filled at first use: only then is a function that is not as we know it an error."""


def instrument() -> None:
    """Watch the tasks that ``AFTERWORD_ASYNCIO_TASKS`` or ``configure`` names, now or later.

    Raises:
        PlatformError: This Python's functions are not as we know them.
    """
    if not swaps:
        in_group = CodeSwap(unwrap(vars(asyncio.TaskGroup)["create_task"]), _in_group.__code__)
        swaps[_TASK] = CodeSwap(unwrap(asyncio.tasks.create_task), _in_task.__code__)
        swaps[_TASK_IN_GROUP] = in_group
    for swap in swaps.values():
        swap.put_in()
    if not settings.current().asyncio_tasks:
        logger.warning(
            "afterword: asyncio is instrumented, but no tasks are named; "
            "set AFTERWORD_ASYNCIO_TASKS=shop.*,send_* or configure(asyncio_tasks=[...])"
        )


def uninstrument() -> None:
    """Both functions have their own code again."""
    for swap in swaps.values():
        swap.take_out()


def create_task(args: Any, kwargs: Any) -> Any:
    """In the place of ``asyncio.create_task``."""
    coroutine = args[0] if args else kwargs.get("coro")
    return create(swaps[_TASK].own, coroutine, args, kwargs)


def create_task_in_group(args: Any, kwargs: Any) -> Any:
    """In the place of ``asyncio.TaskGroup.create_task``."""
    coroutine = args[1] if len(args) > 1 else kwargs.get("coro")
    return create(swaps[_TASK_IN_GROUP].own, coroutine, args, kwargs)


def _in_task(*args: Any, **kwargs: Any) -> Any:
    from afterword.platforms.asyncio.instrumentation import create_task  # noqa: PLC0415 - see code_swap

    return create_task(args, kwargs)


def _in_group(*args: Any, **kwargs: Any) -> Any:
    from afterword.platforms.asyncio.instrumentation import (  # noqa: PLC0415 - see code_swap
        create_task_in_group,
    )

    return create_task_in_group(args, kwargs)

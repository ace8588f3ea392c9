"""What a background task's function will be called with, by the names of its parameters."""

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Final

from starlette.background import BackgroundTask

_STARS: Final[Mapping[object, str]] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}


def arguments_of(task: BackgroundTask) -> Mapping[str, object]:
    """As capture shows a coroutine's: defaults included, the rest as ``*args`` and ``**kwargs``."""
    try:
        bound = signature(task.func).bind(*task.args, **task.kwargs)
    except (TypeError, ValueError):  # a call that will fail, or a function without a signature
        return {"*args": task.args, "**kwargs": task.kwargs}
    bound.apply_defaults()
    parameters = bound.signature.parameters
    return {
        f"{_STARS.get(parameters[name].kind, '')}{name}": value
        for name, value in bound.arguments.items()
    }

"""What is kept of a task so that it can be run again: its arguments, before it starts.

Off unless asked for. Nothing of the application is called but its redaction callable; what is too
large, or no plain data, is left out and said to be.
"""

import json
from collections.abc import Callable, Mapping
from types import CodeType, CoroutineType
from typing import Any, Final, NamedTuple

from afterword import internal_errors
from afterword.capture.writing import TooLargeError, encode
from afterword.redaction import redactor_of
from afterword.settings import Settings

_VARARGS: Final = 0x04
_VARKEYWORDS: Final = 0x08


class Captured(NamedTuple):
    """A payload, or why there is none."""

    payload: str | None
    omitted: str = ""


def capture(
    awaitable: object,
    wanted: object,
    settings: Settings,
    arguments: Callable[[], Mapping[str, object]] | None = None,
) -> Captured:
    """The payload of an awaitable that has not started. Never raises.

    ``{"arguments": {name: value}}``, with ``*args`` under ``"*args"`` and ``**kwargs`` under
    ``"**kwargs"``; or ``{"value": …}`` for a value that the caller gave. ``"omitted"`` says, by
    path, what was left out and why.

    Args:
        awaitable: What is handed over.
        wanted: ``True`` for its arguments; any other value is the payload itself.
        settings: For the bound and for redaction.
        arguments: How to read the arguments of what is no coroutine; called only if wanted. Named
            as a coroutine's: parameters by their names, the rest under ``*args``, ``**kwargs``.
    """
    try:
        if wanted is not True:
            return _written("value", wanted, settings)
        if arguments is not None:
            return _written("arguments", dict(arguments()), settings)
        if type(awaitable) is not CoroutineType:
            return Captured(None, f"a {type(awaitable).__name__} does not show its arguments")
        if awaitable.cr_frame is None or awaitable.cr_suspended or awaitable.cr_running:
            return Captured(None, "it had started, so its arguments may have changed")
        return _written("arguments", arguments_of(awaitable), settings)
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("capturing a payload")
        return Captured(None, "capturing it failed; see the log")


def arguments_of(coroutine: "CoroutineType[Any, Any, Any]") -> dict[str, Any]:
    """The arguments of a coroutine that has not started, in the order of its signature."""
    frame = coroutine.cr_frame
    code, values = coroutine.cr_code, frame.f_locals if frame is not None else {}
    return {shown: values[name] for name, shown in _parameters(code) if name in values}


def _parameters(code: CodeType) -> list[tuple[str, str]]:
    """Names of the parameters, each with how it is shown."""
    plain = code.co_argcount + code.co_kwonlyargcount
    parameters = [(name, name) for name in code.co_varnames[:plain]]
    following = iter(code.co_varnames[plain:])
    if code.co_flags & _VARARGS:
        name = next(following)
        parameters.append((name, f"*{name}"))
    if code.co_flags & _VARKEYWORDS:
        name = next(following)
        parameters.append((name, f"**{name}"))
    return parameters


def _written(what: str, value: object, settings: Settings) -> Captured:
    try:
        encoded = encode(value, what, redactor_of(settings), settings.capture_max_bytes)
    except TooLargeError:
        return Captured(None, f"larger than {settings.capture_max_bytes} bytes")
    omitted = ""
    if encoded.omitted:
        omitted = f',"omitted":{json.dumps(encoded.omitted, separators=(",", ":"))}'
    return Captured(f'{{"{what}":{encoded.text}{omitted}}}')

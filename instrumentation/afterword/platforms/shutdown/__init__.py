"""How processes stop: SIGTERM, servers' shutdown, ASGI lifespan, loops that close.

What is hooked is what is there: servers are looked for when ``instrument`` is called and again at
the first task, when they have set themselves up. None is imported.
"""

from afterword import internal_errors, stream
from afterword.platforms.shutdown import loops, servers, termination


def instrument() -> None:
    """Report pending tasks when the process stops, from now on."""
    if _hook not in stream.on_ready:
        stream.on_ready.append(_hook)
    _hook()


def uninstrument() -> None:
    """Everything that was hooked is as it was."""
    if _hook in stream.on_ready:
        stream.on_ready.remove(_hook)
    for hooked in (termination, servers, loops):
        hooked.unhook()


def _hook() -> None:
    for hooked in (termination, servers, loops):
        try:
            hooked.hook()
        except Exception:  # noqa: BLE001 - telemetry never harms its host
            internal_errors.handle(f"hooking {hooked.__name__}")

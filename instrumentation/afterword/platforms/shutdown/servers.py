"""The last moments that servers give: their own shutdown, and Starlette's end of the lifespan.

uvicorn kills itself by SIGTERM when it has shut down: no ``atexit``, no end of the loop. So what is
pending when its shutdown is over is lost, and says so there. hypercorn's workers are told to stop
not by a signal but by their master, and cancel what does not end in time before the lifespan is
over: an exception of its own says that the stop begins. Under other servers the lifespan of a
Starlette or FastAPI application tells the same moment.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from afterword import shutdown
from afterword.platforms.patch import Patch

_Message = MutableMapping[str, Any]


_patches: Final[dict[tuple[type, str], Patch]] = {}


def hook() -> None:
    """Hook what has been imported by now; what is hooked already stays as it is."""
    uvicorn = sys.modules.get("uvicorn.server")
    _put(uvicorn, "Server", "shutdown", _shutting_down)
    hypercorn = sys.modules.get("hypercorn.utils")
    _put(hypercorn, "ShutdownError", "__init__", _told_to_stop)
    starlette = sys.modules.get("starlette.routing")
    _put(starlette, "Router", "lifespan", _living)


def unhook() -> None:
    """The servers' methods are as they were."""
    for patch in _patches.values():
        patch.remove()


def _put(module: Any, owner_name: str, name: str, wrapping: Callable[[Any], Any]) -> None:
    owner = getattr(module, owner_name, None)  # else it is not there, or just being imported
    if owner is not None:
        _patches.setdefault((owner, name), Patch(owner, name, wrapping)).install()


def _shutting_down(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def shut_down(*args: Any, **kwargs: Any) -> None:
        shutdown.report()
        await original(*args, **kwargs)
        await shutdown.finish()

    return shut_down


def _told_to_stop(original: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        shutdown.report()
        original(self, *args, **kwargs)

    return init


def _living(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def live(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def received() -> _Message:
            message: _Message = await receive()
            if message["type"] == "lifespan.shutdown":
                shutdown.report()
            return message

        async def sent(message: _Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await shutdown.finish()
            await send(message)

        await original(self, scope, received, sent)

    return live

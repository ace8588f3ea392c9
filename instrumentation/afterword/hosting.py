"""Hosts: platforms that run what is handed over themselves, in the place of the event loop.

``wait_until`` asks here and knows no platform; a platform that is there says so by itself. The
runtime of one is recognised by its module, which it has loaded before any code of the application.
"""

import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final, Protocol

from afterword import internal_errors
from afterword.opening import Request
from afterword.tracked import Tracked


class Host(Protocol):
    """A platform, asked where work is handed over."""

    def take(
        self, awaitable: Awaitable[Any], request: Request, timeout_seconds: float | None
    ) -> bool:
        """Whether the platform has the awaitable now; if not, nothing was done. Never raises."""

    def attend(self, request: Request, opened: Callable[[Request], Tracked]) -> Tracked:
        """What ``opened`` opens: a task that a framework runs, within what the platform allows.

        Its deadline is the platform's, and its evidence leaves before the platform may freeze the
        process. Raises what ``opened`` does, and nothing else.
        """


_RUNTIMES: Final = {"vercel_runtime": "afterword.platforms.vercel.host"}
"""By the module that says that we run on it: ours, which has ``find() -> Host | None``."""

_host: Host | None = None
_looked = False


def current() -> Host | None:
    """The host of this process, if there is one."""
    return _host if _looked else _look()


def attended(request: Request, opened: Callable[[Request], Tracked]) -> Tracked:
    """``opened(request)``, looked after by the host where there is one."""
    host = current()
    return opened(request) if host is None else host.attend(request, opened)


def _look() -> Host | None:
    global _host, _looked  # noqa: PLW0603 - a process runs on one platform
    for runtime, module in _RUNTIMES.items():
        if runtime in sys.modules:
            try:
                _host = import_module(module).find()
            except Exception:  # noqa: BLE001 - telemetry never harms its host
                internal_errors.handle(f"finding {runtime}")
    _looked = True
    return _host

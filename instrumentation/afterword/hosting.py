"""Hosts: platforms that run what is handed over themselves, in the place of the event loop.

``wait_until`` asks here and knows no platform; a platform that is there says so by itself. The
runtime of one is recognised by its module, which it has loaded before any code of the application.
"""

import sys
from collections.abc import Awaitable
from importlib import import_module
from typing import Any, Final, Protocol

from afterword import internal_errors
from afterword.opening import Request


class Host(Protocol):
    """Offers an awaitable to a platform."""

    def __call__(
        self, awaitable: Awaitable[Any], request: Request, timeout_seconds: float | None
    ) -> bool:
        """Whether the platform has it now; if not, nothing has been done. Never raises."""


_RUNTIMES: Final = {"vercel_runtime": "afterword.platforms.vercel.host"}
"""By the module that says that we run on it: ours, which has ``find() -> Host | None``."""

_host: Host | None = None
_looked = False


def current() -> Host | None:
    """The host of this process, if there is one."""
    return _host if _looked else _look()


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

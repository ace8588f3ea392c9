"""``afterword.wait_until`` on Vercel: what it is given goes to Vercel's own ``wait_until``."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from afterword.internal_errors import logger
from afterword.platforms import PlatformError
from afterword.platforms.vercel import handing_over
from afterword.platforms.vercel.sdk import Sdk

if TYPE_CHECKING:
    from afterword.hosting import Host
    from afterword.opening import Request
    from afterword.tracked import Tracked


class Vercel:
    """The platform, as ``hosting`` asks it."""

    def take(
        self, awaitable: Awaitable[Any], request: "Request", timeout_seconds: float | None
    ) -> bool:
        """Whether an invocation has the awaitable now."""
        return handing_over.take(awaitable, request, timeout_seconds)

    def attend(self, request: "Request", opened: "Callable[[Request], Tracked]") -> "Tracked":
        """A framework's own task, looked after by the invocation it runs in."""
        return handing_over.attend(request, opened)


def find() -> "Host | None":
    """The host, where the SDK is installed; without it the runtime knows no ``wait_until``."""
    try:
        handing_over.use(Sdk.found())
    except (ImportError, PlatformError) as error:
        logger.warning(
            "afterword: on Vercel, but its SDK cannot be used (%s): work that is handed over runs "
            "on the event loop and may be frozen with the function; pip install vercel",
            error,
        )
        return None
    return Vercel()

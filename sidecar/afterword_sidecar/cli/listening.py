"""A port of the sidecar: served while it is needed, and what to do where it cannot be had."""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web


@asynccontextmanager
async def listening(
    runner: web.AppRunner, host: str, port: int, patience_seconds: float, *, flag: str
) -> AsyncIterator[str]:
    """Serve ``runner`` there; gives the URL by which it is reached. Raises ``OSError``.

    ``flag`` is what the port was told by, for the error.
    """
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            why = _why(error)
            message = f"cannot listen on {host} port {port}: {why}{_remedy(error, flag)}"
            raise OSError(message) from error
        address = runner.addresses[0]
        name = f"[{address[0]}]" if ":" in address[0] else address[0]
        yield f"http://{name}:{address[1]}"
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                await runner.cleanup()


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no such host"  # its number is not one of the system's errors
    return os.strerror(error.errno) if error.errno else str(error)


def _remedy(error: OSError, flag: str) -> str:
    """What to do about a port that cannot be listened on; empty where nobody knows."""
    if isinstance(error, socket.gaierror):
        return f"; see {flag.replace('port', 'host')}"
    if error.errno == errno.EADDRINUSE:
        return f"; is another sidecar running? Stop it, or give this one a port by {flag}"
    if error.errno == errno.EACCES:
        return f"; ports under 1024 need a privilege: give another by {flag}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"; this machine has no such address: see {flag.replace('port', 'host')}"
    return ""

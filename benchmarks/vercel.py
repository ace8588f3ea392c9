"""What a watched Vercel invocation costs beyond a bare one, on the production runtime.

Two instances of one function, one of them watched, invoked in turn: milliseconds until the client
has the response, and until the runtime says that the drain is over. The sidecar is real, on this
machine, so that no network stands between: a real one adds a round trip to the drain. Runs in the
environment that ``make vercel`` sets up.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from worlds.scripted_sidecar import ScriptedSidecar
from worlds.sidecar_process import SidecarProcess
from worlds.vercel_platform import VercelPlatform

FUNCTION: Final = Path(__file__).parent / "vercel_functions" / "receipts.py"
WARMING: Final = 20
PAIRS: Final = 200
COUNTED: Final = 50
COLD_PAIRS: Final = 9


class Invocation(NamedTuple):
    """Milliseconds from the request."""

    response: float
    drain: float


class ColdStart(NamedTuple):
    """Milliseconds of the function's own imports, as the runtime tells; of its first response."""

    imports: float
    response: float


@contextmanager
def instance(endpoint: str) -> Iterator[VercelPlatform]:
    """A new instance of the function; watched if there is an endpoint."""
    with (
        tempfile.TemporaryDirectory() as folder,
        VercelPlatform(Path(folder), FUNCTION, AFTERWORD_ENDPOINT=endpoint) as platform,
    ):
        yield platform


def invoke(platform: VercelPlatform, number: int) -> Invocation:
    """One invocation, to its end."""
    began = time.monotonic()
    platform.invoke(invocation=str(number))
    answered = time.monotonic()
    ended: float = platform.ended(str(number))["at"]
    platform.messages.clear()
    return Invocation((answered - began) * 1000, (ended - began) * 1000)


def cold_start(endpoint: str) -> ColdStart:
    """One new instance, and its first response."""
    with instance(endpoint) as platform:
        imports: int = platform.message("server-started")["payload"]["userInitDuration"]
        return ColdStart(imports, invoke(platform, 0).response)


def warm(sidecar: SidecarProcess) -> dict[str, float]:
    """The goals, and what they are the differences of."""
    with instance("") as bare, instance(sidecar.receiver) as watched:
        for number in range(WARMING):
            invoke(bare, number)
            invoke(watched, number)
        pairs = [(invoke(bare, number), invoke(watched, number)) for number in range(PAIRS)]
    return {
        "vercel_response_added_ms": median(
            watched.response - bare.response for bare, watched in pairs
        ),
        "vercel_drain_added_ms": median(watched.drain - bare.drain for bare, watched in pairs),
        "vercel_bare_response_ms": median(bare.response for bare, _ in pairs),
        "vercel_bare_drain_ms": median(bare.drain for bare, _ in pairs),
    }


def requests() -> dict[str, float]:
    """How many requests a warm invocation makes, counted by a server that takes them."""
    with ScriptedSidecar() as counting, instance(counting.endpoint) as watched:
        invoke(watched, 0)
        before = len(counting.requests)
        for number in range(COUNTED):
            invoke(watched, number)
        made = len(counting.requests) - before
    return {"vercel_requests_per_invocation": made / COUNTED}


def cold(sidecar: SidecarProcess) -> dict[str, float]:
    """What a cold start pays."""
    pairs = [(cold_start(""), cold_start(sidecar.receiver)) for _ in range(COLD_PAIRS)]
    return {
        "vercel_cold_imports_added_ms": median(
            watched.imports - bare.imports for bare, watched in pairs
        ),
        "vercel_cold_response_added_ms": median(
            watched.response - bare.response for bare, watched in pairs
        ),
        "vercel_bare_cold_imports_ms": median(bare.imports for bare, _ in pairs),
        "vercel_bare_cold_response_ms": median(bare.response for bare, _ in pairs),
    }


def measure() -> dict[str, float]:
    """The three goals, and the raw figures beside them."""
    with tempfile.TemporaryDirectory() as folder, SidecarProcess(Path(folder)) as sidecar:
        return warm(sidecar) | requests() | cold(sidecar)

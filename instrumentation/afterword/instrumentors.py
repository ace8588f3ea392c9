"""Zero code: what ``opentelemetry-instrument`` finds among the entry points and calls.

Entry points ``afterword-vercel``, ``afterword-starlette`` (FastAPI too), ``afterword-asyncio``
and ``afterword-shutdown`` of the group ``opentelemetry_instrumentor``;
``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`` takes these names. Only the package that calls them,
``opentelemetry-instrumentation``, is needed here. They do what ``afterword.instrument()`` does, so
they never raise, and pass over what is not installed.
"""

from collections.abc import Collection
from typing import Any, ClassVar

from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined] # untyped
    BaseInstrumentor,
)

from afterword.instrumenting import instrument_by_default, uninstrument


class _PlatformInstrumentor(BaseInstrumentor):  # type: ignore[misc] # the same
    """One platform, by its name in the registry."""

    platform: ClassVar[str]

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: one that is missing is no conflict, the platform is passed over."""
        return ()

    def _instrument(self, **_: Any) -> None:
        instrument_by_default(self.platform)

    def _uninstrument(self, **_: Any) -> None:
        uninstrument(self.platform)


class VercelInstrumentor(_PlatformInstrumentor):
    """``wait_until`` of ``vercel.functions``."""

    platform = "vercel"


class StarletteInstrumentor(_PlatformInstrumentor):
    """Background tasks of Starlette and FastAPI."""

    platform = "starlette"


class AsyncioInstrumentor(_PlatformInstrumentor):
    """Tasks made with ``create_task``, where ``AFTERWORD_ASYNCIO_TASKS`` names some."""

    platform = "asyncio"


class ShutdownInstrumentor(_PlatformInstrumentor):
    """How the process stops, whatever framework it runs."""

    platform = "shutdown"

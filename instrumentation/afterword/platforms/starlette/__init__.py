"""Starlette and FastAPI: ``BackgroundTask`` and ``BackgroundTasks``, with their code unchanged."""

from afterword.platforms.starlette.instrumentation import instrument, uninstrument

__all__ = ["instrument", "uninstrument"]

"""asyncio: ``create_task`` and ``TaskGroup.create_task``, for the tasks that were asked for."""

from afterword.platforms.asyncio.instrumentation import instrument, uninstrument

__all__ = ["instrument", "uninstrument"]

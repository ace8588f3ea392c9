"""``flush``: evidence, and what we set up ourselves of OpenTelemetry, delivered within a budget."""

from time import monotonic
from typing import Any

from afterword import internal_errors, stream
from afterword.configuration import providers_set_up
from afterword.internal_errors import logger


def flush(timeout_seconds: float = 5.0) -> bool:
    """Deliver all evidence told so far; call it before a platform may freeze the process.

    Blocks the calling thread, so from a coroutine: ``await asyncio.to_thread(afterword.flush)``.
    Spans and metrics are flushed too where ``configure`` set up their providers. Never raises.

    Args:
        timeout_seconds: The most time it may take.

    Returns:
        Whether everything was delivered.
    """
    due = monotonic() + timeout_seconds
    try:
        delivered = stream.flush(timeout_seconds)
        for provider in providers_set_up:
            delivered = _flush_provider(provider, max(0.0, due - monotonic())) and delivered
    except Exception:  # noqa: BLE001 - telemetry never harms its host
        internal_errors.handle("flushing")
        return False
    return delivered


def _flush_provider(provider: Any, timeout_seconds: float) -> bool:
    """Flush an SDK's provider in a thread: its batch processor ignores the time it is given."""
    from threading import Thread  # noqa: PLC0415 - a browser has none, and no provider of ours

    results: list[bool] = []
    milliseconds = int(timeout_seconds * 1000)

    def force_flush() -> None:
        try:
            results.append(bool(provider.force_flush(milliseconds)))
        except Exception as error:  # noqa: BLE001 - an exporter's; nobody hears this thread raise
            kind = type(provider).__name__
            logger.warning("afterword: %s.force_flush raised %r", kind, error)

    thread = Thread(target=force_flush, name="afterword-flush", daemon=True)
    thread.start()
    thread.join(timeout_seconds)
    return results == [True]

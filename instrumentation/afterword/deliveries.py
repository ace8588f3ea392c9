"""Which delivery a stream gets: the spool wins over the endpoint; with neither there is none."""

from typing import TYPE_CHECKING

from afterword.internal_errors import logger
from afterword.resource import resource_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from afterword.delivery import Delivery
    from afterword.otlp_json import Envelope
    from afterword.stream import Stream


_given: "Callable[[Stream], Delivery] | None" = None


def use(
    make: "Callable[[Stream], Delivery] | None",
) -> "Callable[[Stream], Delivery] | None":
    """Give streams made from now on this delivery, whatever the settings say; ``None`` undoes it.

    For tests, and for ways of delivery that are not ours.

    Returns:
        What was given before.
    """
    global _given
    before, _given = _given, make
    return before


def open_delivery(stream: "Stream") -> "Delivery | None":
    """The delivery that the stream's settings ask for; ``None`` if none, or if it cannot be had.

    A delivery that cannot be opened is told once, with its reason; counters and spans go on. What
    may be over at the next task (no stack, memory or descriptors left) is raised.
    """
    settings = stream.settings
    if _given is not None:
        return _given(stream)
    if not (settings.spool or settings.endpoint):
        return None
    from afterword.otlp_json import Envelope  # noqa: PLC0415 - a process that sends nothing
    from afterword.version import VERSION  # noqa: PLC0415 - pays for no encoder

    envelope = Envelope(stream.id, resource_of(settings), VERSION)
    try:
        if settings.spool:
            from afterword.delivery.spool import SpoolDelivery  # noqa: PLC0415 - only where used

            return SpoolDelivery(
                settings.spool,
                stream.id,
                envelope,
                segment_bytes=settings.spool_segment_bytes,
                total_bytes=settings.spool_max_bytes,
            )
        return _over_http(stream, envelope)
    except (RecursionError, MemoryError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - telemetry never harms its host
        where = settings.spool or settings.endpoint
        logger.warning("afterword: no evidence is sent, %s cannot be used: %s", where, error)
        return None


def _over_http(stream: "Stream", envelope: "Envelope") -> "Delivery":
    from afterword import beats  # noqa: PLC0415 - only where used
    from afterword.delivery.http import HttpDelivery  # noqa: PLC0415 - brings an HTTP stack

    settings = stream.settings
    delivery = HttpDelivery(
        settings.endpoint, settings.token, envelope, capacity_bytes=settings.buffer_max_bytes
    )
    beats.begin(stream, delivery)
    return delivery

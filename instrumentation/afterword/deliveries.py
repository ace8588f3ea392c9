"""Which delivery a stream gets: the spool wins over the endpoint; with neither there is none."""

from typing import TYPE_CHECKING

from afterword.delivery.unopened import Unopened
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

    What is wrong with the settings (an address, a token) is told once, and final: counters and
    spans go on. Whatever else keeps a delivery from being opened (no stack, memory or descriptors
    left) may be over in a moment: evidence waits in memory, and it is tried again.
    """
    try:
        return _opened(stream)
    except ValueError as error:
        _tell_of_settings(stream, error)
        return None
    except Exception as error:  # noqa: BLE001 - telemetry never harms its host
        logger.warning(
            "afterword: no evidence can be sent yet (%r); it waits in memory, and this is tried "
            "again once a second",
            error,
        )

    def became(delivery: "Delivery | None") -> None:
        stream.delivery = delivery

    return Unopened(lambda: _opened_at_last(stream), became)


def _opened_at_last(stream: "Stream") -> "Delivery | None":
    try:
        return _opened(stream)
    except ValueError as error:
        _tell_of_settings(stream, error)
        return None


def _tell_of_settings(stream: "Stream", error: ValueError) -> None:
    where = stream.settings.spool or stream.settings.endpoint
    logger.warning("afterword: no evidence is sent, %s cannot be used: %s", where, error)


def _opened(stream: "Stream") -> "Delivery | None":
    """As ``open_delivery``. Raises ``ValueError`` for settings that are wrong, else what it met."""
    settings = stream.settings
    if _given is not None:
        return _given(stream)
    if not (settings.spool or settings.endpoint):
        return None
    from afterword.otlp_json import Envelope  # noqa: PLC0415 - a process that sends nothing
    from afterword.version import VERSION  # noqa: PLC0415 - pays for no encoder

    envelope = Envelope(stream.id, resource_of(settings), VERSION)
    if not settings.spool:
        return _over_http(stream, envelope)
    from afterword.delivery.spool import SpoolDelivery  # noqa: PLC0415 - only where used

    return SpoolDelivery(
        settings.spool,
        stream.id,
        envelope,
        segment_bytes=settings.spool_segment_bytes,
        total_bytes=settings.spool_max_bytes,
        account=stream.account,
    )


def _over_http(stream: "Stream", envelope: "Envelope") -> "Delivery":
    from afterword import beats  # noqa: PLC0415 - only where used
    from afterword.delivery.http import HttpDelivery  # noqa: PLC0415 - brings an HTTP stack

    settings = stream.settings
    delivery = HttpDelivery(
        settings.endpoint, settings.token, envelope, capacity_bytes=settings.buffer_max_bytes
    )
    beats.begin(stream, delivery)
    return delivery

"""What a sidecar says when it is up: where it listens, what it keeps, and what is unwise."""

import ipaddress
import logging
from collections.abc import Iterator

from afterword_sidecar.settings import IN_MEMORY, Settings
from afterword_sidecar.upstream import SIGNALS

READY = "ready"
"""The message of the line that says that everything answers; its fields are for machines."""

log = logging.getLogger("afterword_sidecar")


def announce(settings: Settings, *, receiver: str, operators: str, book_id: str) -> None:
    """Log the line that says that everything answers, by its addresses, and the warnings."""
    log.info(
        READY,
        extra={
            "receiver": receiver,
            "operators": operators,
            "book": settings.database,
            "book_id": book_id,
            "spool": settings.spool or "none",
            "upstream": ", ".join(each for each in SIGNALS if settings.upstream.of(each)) or "none",
        },
    )
    for warning in warnings(settings):
        log.warning("%s", warning)


def warnings(settings: Settings) -> Iterator[str]:
    """What a careful operator would want to know of these settings."""
    if not settings.token and not is_loopback(settings.receiver_host):
        yield (
            f"the receiver listens on {settings.receiver_host} without a token: anybody who "
            "reaches it can write to the book; set AFTERWORD_TOKEN"
        )
    if not is_loopback(settings.operators_host):
        yield (
            f"the operators' port listens on {settings.operators_host}, has no password and shows "
            "payloads; let only operators and Prometheus reach it"
        )
    if settings.database == IN_MEMORY:
        yield "the book is kept in memory and is gone when the sidecar stops"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

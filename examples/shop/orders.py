"""What a customer sends, and what may go wrong with it: the demo decides that, order by order."""

from dataclasses import dataclass, field
from enum import StrEnum


class Trouble(StrEnum):
    """How the world treats this order after the response was sent."""

    NONE = "none"
    MAILBOX_FULL = "mailbox_full"
    """Sending the receipt raises ``MailboxFullError``."""
    COURIER_SILENT = "courier_silent"
    """The courier never answers: the task's ``timeout=`` runs out."""
    BANK_TIMES_OUT = "bank_times_out"
    """The bank's client gives up by itself and raises ``TimeoutError``."""
    CHANGED_MIND = "changed_mind"
    """The customer takes the order back while it is being wrapped: the shop cancels the task."""
    CUSTOMS_SLOW = "customs_slow"
    """The declaration takes most of the time that the platform allows, and is accepted."""
    CUSTOMS_CLOSED = "customs_closed"
    """The declaration is still waiting when the platform's deadline comes near."""
    WAREHOUSE_BUSY = "warehouse_busy"
    """The warehouse has not answered yet, and will not while the demo runs."""


class Delivery(StrEnum):
    """How the order reaches the customer; each way is a deferred task of its own."""

    COURIER = "courier"
    GIFT_WRAPPED = "gift_wrapped"
    ABROAD = "abroad"
    FROM_WAREHOUSE = "from_warehouse"


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order, as the customer sent it."""

    order_id: str
    email: str
    items: dict[str, int]
    card_number: str = field(repr=False)
    """Never leaves the process: the name alone makes Afterword redact it."""
    delivery: Delivery
    trouble: Trouble = Trouble.NONE

"""What the reader asks of whoever keeps the book, so that it need not know the service."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from afterword_sidecar.ledger.facts import Batch


class Taker(Protocol):
    """Who takes the evidence: the service."""

    async def submit(self, batches: Sequence[Batch], size_bytes: int) -> object:
        """Book ``batches``; returns when that is durable."""

    async def stream_ended(self, stream: bytes, *, alive_at: float) -> None:
        """Its process is dead and its spool read to the end; returns when that is durable."""

    def arrived(self, received_at: float) -> AbstractContextManager[None]:
        """For as long as evidence that is here since then is not submitted yet."""

"""What the reader asks of whoever keeps the book, so that it need not know the service."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from afterword_sidecar.ledger.facts import Batch


class Taker(Protocol):
    """Who takes the evidence: the service."""

    async def submit(self, batches: Sequence[Batch], size_bytes: int) -> object:
        """Book ``batches``; returns when that is durable."""

    async def stream_ended(self, stream: bytes, *, alive_at: float) -> None:
        """Its process is dead and its spool read to the end; returns when that is durable."""

    async def spool_gone(self, stream: bytes) -> None:
        """Nothing is left of its spool, lock and all; returns when that is durable."""

    async def records_lost(self, stream: bytes, *, highest: int, closings: int) -> None:
        """Its spool had no room for some records; returns when that is durable."""

    def alive(self, streams: Iterable[bytes]) -> None:
        """The locks of these streams are held now."""

    async def spooled_streams(self) -> set[bytes]:
        """Streams that told by spool and have not ended, as far as the book knows."""

    def arrived(self, received_at: float) -> AbstractContextManager[None]:
        """For as long as evidence that is here since then is not submitted yet."""

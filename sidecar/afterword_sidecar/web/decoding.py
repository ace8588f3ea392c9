"""From a body to what it comes to, without one client's bulk holding up the others.

Small bodies are done on the loop, where a thread would cost more than the work. Large ones, and
small ones that inflate to much, take turns in one thread: so eight bombs at once are one at a time,
in memory as in computing.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from afterword_sidecar.otlp import Decoded, TooLarge, inflate
from afterword_sidecar.web.limits import ReceiverLimits
from afterword_sidecar.web.room import NoRoom

Decode = Callable[[bytes], Decoded]


class Decoding:
    """Inflates and decodes. ``close`` it when the receiver has stopped."""

    def __init__(self, limits: ReceiverLimits) -> None:
        self._limits = limits
        self._taking_turns = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="afterword-decode")

    async def decode(self, body: bytes, encoding: str, decode: Decode) -> tuple[Decoded, int]:
        """What ``decode`` makes of ``body``, inflated, and how many bytes that were.

        Raises:
            OtlpError: as ``inflate`` and ``decode`` do.
            NoRoom: too many large bodies take turns already.
        """
        inline_bytes = self._limits.inline_bytes
        if len(body) <= inline_bytes:
            try:
                plain = inflate(body, encoding, inline_bytes)
            except TooLarge:
                pass  # it inflates to more than is done here: begin again in the thread
            else:
                return decode(plain), len(plain)
        return await self._in_turn(body, encoding, decode)

    async def _in_turn(self, body: bytes, encoding: str, decode: Decode) -> tuple[Decoded, int]:
        if self._taking_turns >= self._limits.large_bodies:
            raise NoRoom("too many large bodies wait to be decoded")
        self._taking_turns += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._whole, body, encoding, decode)
        finally:
            self._taking_turns -= 1

    def _whole(self, body: bytes, encoding: str, decode: Decode) -> tuple[Decoded, int]:
        plain = inflate(body, encoding, self._limits.inflated_bytes)
        return decode(plain), len(plain)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

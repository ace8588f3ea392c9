"""Sending one request until upstream has it, has refused it, or patience ends."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from afterword_sidecar.upstream.answers import (
    Answer,
    Fault,
    Patience,
    Refused,
    Taken,
    TryAgain,
    any_chance,
)
from afterword_sidecar.upstream.destinations import Signal
from afterword_sidecar.upstream.requests import Request
from afterword_sidecar.upstream.stats import UpstreamStats
from afterword_sidecar.upstream.transport import Transport

log = logging.getLogger(__name__)


class Delivering:
    """Sends requests of one signal. Any number may be on their way at once."""

    def __init__(
        self,
        signal: Signal,
        transport: Transport,
        stats: UpstreamStats,
        patience: Patience,
        stopping: asyncio.Event,
        chance: Callable[[], float] = any_chance,
    ) -> None:
        self.signal = signal
        self.takes_json = transport.takes_json
        self._transport = transport
        self._stats = stats
        self._patience = patience
        self._stopping = stopping
        self._chance = chance

    async def deliver(self, request: Request, *, for_ever: bool = False) -> Answer:
        """The last answer: ``Taken``, ``Refused``, or ``TryAgain`` if patience ended.

        ``for_ever``: go on until the sidecar stops, even where the sender or the address is at
        fault: somebody may set them right. A stop allows one last try.
        """
        loop = asyncio.get_running_loop()
        begun, tries = loop.time(), 0
        while True:
            answer = self._note(await self._transport.send(request))
            if isinstance(answer, Refused) and answer.fault is Fault.SENDER and for_ever:
                answer = TryAgain(answer.why, self._patience.longest_pause_seconds)
            if not isinstance(answer, TryAgain) or self._stopping.is_set():
                return answer
            if not for_ever and loop.time() - begun >= self._patience.give_up_seconds:
                return answer
            tries += 1
            self._stats.retries[self.signal] += 1
            await self._pause(self._patience.pause_seconds(tries, answer, self._chance))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._transport.close()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _note(self, answer: Answer) -> Answer:
        """Count it, and say in the log when things begin to fail and when they work again."""
        stats, signal = self._stats, self.signal
        if isinstance(answer, Taken):
            stats.sent[signal] += 1
            stats.records_rejected[signal] += answer.rejected
            if answer.message:
                log.warning("upstream has a word on %s: %s", signal, answer.message[:500])
            if signal in stats.failing:
                stats.failing.discard(signal)
                log.warning("upstream takes %s again", signal)
        elif signal not in stats.failing:
            stats.failing.add(signal)
            log.warning("upstream does not take %s: %s", signal, answer.why[:500])
        return answer

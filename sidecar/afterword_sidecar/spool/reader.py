"""The loop that polls a spool directory, and goes on whatever happens to the directory."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from afterword_sidecar.spool.directory import SpoolDirectory
from afterword_sidecar.spool.errors import SpoolError
from afterword_sidecar.spool.poll import REST_PER_LOOK, SpoolPoll
from afterword_sidecar.spool.settings import SpoolSettings
from afterword_sidecar.spool.stats import SpoolStats
from afterword_sidecar.spool.taker import Taker

log = logging.getLogger("afterword_sidecar.spool")


class SpoolReader:
    """Reads one directory into one book. Made, started and stopped on one running event loop."""

    def __init__(
        self,
        path: str,
        taker: Taker,
        *,
        refused: type[Exception],
        settings: SpoolSettings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``taker`` is the service; ``refused`` what it raises when it is to be asked again.

        ``clock`` gives Unix seconds, the kernel's own: files are stamped with it.
        """
        self.path = path
        self.stats = SpoolStats()
        self._taker = taker
        self._refused = refused
        self._settings = settings or SpoolSettings()
        self._clock = clock
        self._stop_asked = asyncio.Event()
        self._poll: SpoolPoll | None = None
        self._running: asyncio.Task[None] | None = None

    def open(self) -> SpoolPoll:
        """Take the directory, which is made if there is none; nothing is read yet.

        Raises:
            SpoolError: it cannot be used: see ``SpoolDirectory.take``.
        """
        if self._poll is None:
            self._poll = SpoolPoll(
                SpoolDirectory.take(self.path),
                self._taker,
                self.stats,
                refused=self._refused,
                settings=self._settings,
            )
            log.info("reading spool directory %s", self.path)
        return self._poll

    async def start(self) -> None:
        """Take the directory and begin to read it. Raises ``SpoolError``, as ``open``."""
        self._running = asyncio.create_task(self._run(self.open()), name="afterword-spool")

    async def stop(self) -> None:
        """Finish the round that is under way, and let go of the directory. Idempotent.

        Stop it before the service: the round may be waiting for a commit.
        """
        self._stop_asked.set()
        if self._running is not None:
            await asyncio.wait([self._running])
        if self._poll is not None:
            poll, self._poll = self._poll, None
            await poll.close()

    async def _run(self, poll: SpoolPoll) -> None:
        while not self._stop_asked.is_set():
            rest_seconds = 0.0
            try:
                if not await poll.poll(self._clock()):
                    rest_seconds = max(
                        self._settings.poll_seconds, REST_PER_LOOK * poll.look_seconds
                    )
            except SpoolError as error:
                poll.give_up_for_now(str(error))
                rest_seconds = self._settings.trouble_pause_seconds
            except OSError as error:
                poll.give_up_for_now(f"cannot read spool directory {self.path}: {error}")
                rest_seconds = self._settings.trouble_pause_seconds
            except Exception:
                # A bug of ours. The files are still there, so to go on is the best there is.
                log.exception("a round over spool directory %s failed", self.path)
                poll.give_up_for_now(
                    f"a round over spool directory {self.path} failed: see the log"
                )
                rest_seconds = self._settings.trouble_pause_seconds
            with suppress(TimeoutError):
                async with asyncio.timeout(rest_seconds):
                    await self._stop_asked.wait()

"""Verdicts on tasks that left no dead letter: told once, from memory, as far as there is room.

What completed is many, and its loss on the way is no lost task: it is in the book and its totals.
A replay that was lost is here too, since its letter is that of the task it repeats.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from afterword import names
from afterword_sidecar.ledger.letters import is_letter
from afterword_sidecar.ledger.records import SettledTask, TaskKey
from afterword_sidecar.upstream.lane import Lane
from afterword_sidecar.upstream.missing_spans import is_missing, spans_request
from afterword_sidecar.upstream.requests import Request
from afterword_sidecar.upstream.stats import UpstreamStats
from afterword_sidecar.upstream.telling import Telling
from afterword_sidecar.upstream.verdict_events import verdicts_request

MOST_WAITING: Final = 20_000
AT_ONCE: Final = 500
SPANS_REMEMBERED: Final = 10_000
"""Replays whose span was sent: proof that comes after finality must not send a second one."""


class Others:
    """Takes what was settled with a commit, and tells it soon after."""

    def __init__(
        self, telling: Telling, logs: Lane | None, traces: Lane | None, stats: UpstreamStats
    ) -> None:
        self._telling = telling
        self._logs = logs
        self._traces = traces
        self._stats = stats
        self._waiting: deque[SettledTask] = deque()
        self._more = asyncio.Event()
        self._finishing = False
        self._spans_sent: dict[TaskKey, None] = {}

    def take(self, settled: Sequence[SettledTask]) -> None:
        """What a commit made true. Called by the book's writer: short, and never raises."""
        for task in settled:
            if not self._is_told_here(task):
                continue
            if len(self._waiting) >= MOST_WAITING:
                self._stats.verdicts_dropped += 1
            else:
                self._waiting.append(task)
        if self._waiting:
            self._more.set()

    async def publish(self) -> None:
        """Until ``finish``, and nothing waits."""
        while not self._finishing or self._waiting:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self._publish_some()

    def finish(self) -> None:
        """There will be no more."""
        self._finishing = True
        self._more.set()

    async def _publish_some(self) -> None:
        """Queue what waits longest."""
        some = [self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))]
        if self._logs is not None and self._telling.verdicts == "all":
            # Off the loop: an event takes some 60 µs to build.
            body = await asyncio.to_thread(verdicts_request, some)
            if self._logs.put(Request("logs", body)):
                self._stats.verdicts_sent += len(some)
            else:
                self._stats.verdicts_dropped += len(some)
        self._send_spans([task for task in some if self._misses_its_span(task)])

    def _send_spans(self, missing: list[SettledTask]) -> None:
        if not missing or self._traces is None:
            return
        if self._traces.put(Request("traces", spans_request(missing))):
            self._stats.missing_spans_sent += len(missing)
            self._spans_sent |= dict.fromkeys(task.key for task in missing)
            for key in list(self._spans_sent)[:-SPANS_REMEMBERED]:
                del self._spans_sent[key]

    def _misses_its_span(self, task: SettledTask) -> bool:
        if self._telling.spans == "none" or task.key in self._spans_sent:
            return False
        return is_missing(task, unsampled=self._telling.spans == "all")

    def _is_told_here(self, task: SettledTask) -> bool:
        if is_letter(task):
            return False
        replay = task.opening.notes.replay_of or task.opening.series.origin == names.ORIGIN_REPLAY
        was_letter = any(earlier.outcome != names.COMPLETED for earlier in task.history)
        return bool(replay) or not was_letter

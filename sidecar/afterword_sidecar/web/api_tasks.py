"""Pages of tasks: in flight and recently settled, from a snapshot of the book.

A listing is of one moment: its first page takes a snapshot (frozen values; copying a million open
tasks takes 20 to 40 ms), the cursor names it, and each page looks at a bounded number of its
entries, in a thread. Snapshots are few and short-lived; a cursor to one that is gone gets 410.
"""

import asyncio
import heapq
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

import msgspec

from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.records import OpenTask, SettledTask, TaskKey
from afterword_sidecar.ledger.view import View
from afterword_sidecar.service import Service
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web import api_views
from afterword_sidecar.web.api_parameters import IN_FLIGHT, ParameterError

EXAMINED_PER_PAGE: Final = 20_000
"""About 10 ms of looking; a page may so be short, and say that there is more."""
SORTED_AT_MOST: Final = 50_000
"""More open tasks than this stay in the book's order, process by process: sorting holds the
interpreter for long."""
KEPT: Final = 4
SHARED_FOR_SECONDS: Final = 1.0
FORGOTTEN_AFTER_SECONDS: Final = 60.0


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks. Conditions combine."""

    service: str = ""
    task: str = ""
    outcome: str = ""
    reason: str = ""
    since: float | None = None
    until: float | None = None

    def takes(self, entry: OpenTask | SettledTask) -> bool:
        """Whether the task is asked for."""
        opening = entry if isinstance(entry, OpenTask) else entry.opening
        if isinstance(entry, OpenTask):
            outcome, reason, at = IN_FLIGHT, "", entry.scheduled_at
        else:
            outcome, reason, at = entry.verdict.outcome, entry.verdict.reason, entry.verdict.at
        return (
            (not self.outcome or self.outcome == outcome)
            and (not self.reason or self.reason == reason)
            and (not self.task or self.task in {opening.task, opening.series.task})
            and (
                not self.service or self.service in {opening.source.service, opening.series.service}
            )
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )


class Snapshot:
    """The tasks of one moment."""

    def __init__(
        self,
        name: str,
        open_tasks: list[OpenTask],
        settled: list[SettledTask],
        view: View | None = None,
    ) -> None:
        self.name = name
        self.view = view or View()
        """The totals of the same moment."""
        self._open = open_tasks
        self._settled = settled
        self._ordered = False
        self._ordering = threading.Lock()
        """Several pages of it may be asked for at once, each in a thread."""

    def page(self, wanted: TaskFilter, limit: int, position: int) -> shapes.TaskPage:
        """The next page from ``position``, an index. Slow: for a thread."""
        self._order()
        items: list[shapes.Task] = []
        for index, entry in self._entries(position):
            if len(items) == limit or index - position == EXAMINED_PER_PAGE:
                return shapes.TaskPage(items, f"{self.name}.{index}")
            if wanted.takes(entry):
                items.append(
                    api_views.open_task(entry)
                    if isinstance(entry, OpenTask)
                    else api_views.settled_task(entry)
                )
        return shapes.TaskPage(items, None)

    def oldest(self, most: int) -> list[shapes.Task]:
        """The tasks longest in flight, however many there are. Slow: for a thread."""
        found = heapq.nsmallest(most, self._open, key=lambda task: task.scheduled_at)
        return [api_views.open_task(task) for task in found]

    def _order(self) -> None:
        with self._ordering:
            if self._ordered:
                return
            if len(self._open) <= SORTED_AT_MOST:
                # Another list: one that is sorted in its place is empty to others meanwhile.
                self._open = sorted(self._open, key=lambda task: task.scheduled_at)
            # A task that was amended is pronounced twice; only what is said of it last is true.
            latest: dict[TaskKey, SettledTask] = {}
            for task in reversed(self._settled):
                latest.setdefault(task.key, task)
            self._settled = list(latest.values())
            self._ordered = True

    def _entries(self, position: int) -> Iterator[tuple[int, OpenTask | SettledTask]]:
        rest_of_settled = max(0, position - len(self._open))
        # A slice would copy a million pointers for each page.
        still_open = (self._open[index] for index in range(position, len(self._open)))
        return enumerate(chain(still_open, self._settled[rest_of_settled:]), position)


class GoneError(Exception):
    """The listing that a cursor belongs to is not kept any more."""


class Snapshots:
    """The few listings that are being read."""

    def __init__(self, service: Service, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic, seconds."""
        self._service = service
        self._clock = clock
        self._run = secrets.token_hex(4)
        self._number = 0
        self._kept: dict[str, tuple[Snapshot, float]] = {}
        self._taken_at = -FORGOTTEN_AFTER_SECONDS

    async def take(self) -> Snapshot:
        """The tasks of now, or of a moment ago. Raises ``StoreUnavailable``."""
        now = self._clock()
        if self._kept and now - self._taken_at < SHARED_FOR_SECONDS:
            return next(reversed(self._kept.values()))[0]
        open_tasks, view = await self._service.inspect(_open_tasks)
        self._number += 1
        settled = list(self._service.recently_settled)
        snapshot = Snapshot(f"{self._run}.{self._number}", open_tasks, settled, view)
        self._taken_at = now
        self._kept[snapshot.name] = (snapshot, now)
        self.forget()
        asyncio.get_running_loop().call_later(FORGOTTEN_AFTER_SECONDS, self.forget)
        return snapshot

    def find(self, cursor: str) -> tuple[Snapshot, int]:
        """The listing and position of a cursor. Raises ``GoneError``, ``ParameterError``."""
        name, _, position = cursor.rpartition(".")
        if not re.fullmatch(r"[0-9]{1,11}", position) or "." not in name:
            raise ParameterError("cursor", "it is not a cursor of this list")
        self.forget()
        if name not in self._kept:
            raise GoneError
        snapshot, _ = self._kept[name]
        self._kept[name] = (snapshot, self._clock())
        return snapshot, int(position)

    def forget(self) -> None:
        """Let go of listings nobody has read for a while, and of the oldest beyond a few."""
        now = self._clock()
        for name, (_, used_at) in list(self._kept.items()):
            if now - used_at >= FORGOTTEN_AFTER_SECONDS or len(self._kept) > KEPT:
                del self._kept[name]


def _open_tasks(book: Book) -> tuple[list[OpenTask], View]:
    return list(book.in_flight()), book.view()

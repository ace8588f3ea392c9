"""What happens in the demo, in order: orders, a kill, more orders, and the book closed."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from examples.demo import truth
from examples.demo.book import Book
from examples.demo.customers import Customers
from examples.demo.stage import Stage
from examples.demo.truth import TaskOfOrder
from examples.shop.orders import Order
from examples.shop.truth_log import TruthLog

_QUIET_SECONDS = 0.25
_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 60.0
_MAY_WAIT = {"declare_customs", "tell_warehouse"}

Answered = Callable[[], None]


class StoryError(Exception):
    """The demo did not get to where it could compare; the message says what it waited for."""


@dataclass(frozen=True)
class Killing:
    """Workers that were killed with -9, and the tasks that died with them."""

    workers: list[int]
    tasks: list[TaskOfOrder]
    at: float
    """Unix seconds just before the first signal."""


class Story:
    """One run. Its truth is the shop's log, to which it adds one line for each worker it kills."""

    def __init__(self, stage: Stage, book: Book, *, seed: int) -> None:
        self._stage = stage
        self._book = book
        self.customers = Customers(stage.shop_url, seed)

    def log(self) -> list[dict[str, Any]]:
        """What truly happened so far."""
        # A last line without its end is still being written.
        lines = self._stage.truth_log.read_text().splitlines(keepends=True)
        return truth.read(line for line in lines if line.endswith("\n"))

    def order(self, orders: Sequence[Order], answered: Answered) -> None:
        """Customers send these orders and get their answers."""
        asyncio.run(self.customers.send(orders, answered))

    def wait_for_deadlines(self, orders: Sequence[Order]) -> None:
        """Wait until the book knows where each of these, held at customs, is waiting."""
        self._wait_for(
            lambda: self._book.all_say_where("declare_customs", len(orders)),
            "tasks to say where they wait, their deadline being near",
        )

    def kill(self) -> Killing:
        """``kill -9`` the workers whose tasks still wait, once nothing else moves in them.

        A worker that is killed between a line of its log and the moment that the line speaks of
        would leave a truth that nobody can know, so the kill waits for a quiet moment.
        """
        waiting = self._wait_for(self._quiet, "the shop to come to rest")
        workers = sorted({worker for _, worker in waiting})
        if not workers:
            raise StoryError("no worker has a task left to lose")
        log = TruthLog(self._stage.truth_log)
        at = time.time()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
            log.write("killed", worker=worker)
        return Killing(workers, [key for key, _ in waiting], at)

    def wait_for_workers(self, number: int) -> None:
        """Uvicorn replaces workers that were killed: wait until ``number`` have come up in all."""
        self._wait_for(
            lambda: sum(line["event"] == "worker_up" for line in self.log()) >= number,
            f"{number} workers to have come up",
        )

    def wait_for_the_end(self) -> None:
        """Wait until all that runs has ended, and the book has pronounced on as many tasks.

        The book is given a while; if it never gets there, the comparison says what is missing.
        """
        self._wait_for(lambda: not _alive(self.log()), "the last tasks to end")
        handed_over = sum(line["event"] == "handed_over" for line in self.log())
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while self._book.settled() < handed_over and time.monotonic() < give_up_at:
            time.sleep(_POLL_SECONDS)

    def _quiet(self) -> list[tuple[TaskOfOrder, int]] | None:
        log = self.log()
        if time.time() - log[-1]["at"] < _QUIET_SECONDS:
            return None
        # A line is read before its writer goes on: a disk may keep it from that for long.
        if self._book.settled() < sum(line["event"] == "ended" for line in log):
            return None
        waiting = list(truth.running(log))
        return waiting if all(key.task in _MAY_WAIT for key, _ in waiting) else None

    def _wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            found = condition()
            if found not in (None, False):
                return found
            if time.monotonic() > give_up_at:
                raise StoryError(f"waited {_PATIENCE_SECONDS:.0f} s for {what}")
            time.sleep(_POLL_SECONDS)


def _alive(log: Iterable[dict[str, Any]]) -> list[TaskOfOrder]:
    """Tasks without an end whose worker was not killed."""
    lines = list(log)
    killed = {line["worker"] for line in lines if line["event"] == "killed"}
    return [key for key, worker in truth.running(lines) if worker not in killed]


def pronounced_within_seconds(letters: Iterable[dict[str, Any]], killing: Killing) -> float:
    """From the kill to the last verdict on a task that died of it (both on this host's clock)."""
    moments = [parse_moment(letter["verdict"]["at"]) for letter in letters]
    return max(moments, default=killing.at) - killing.at


def parse_moment(text: str) -> float:
    """Unix seconds of an RFC 3339 moment."""
    return datetime.fromisoformat(text).timestamp()

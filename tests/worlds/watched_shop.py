"""The demo's shop beside a sidecar that a Prometheus scrapes, and evidence of every other kind.

The shop's traffic is the demo's: orders, workers killed with -9, orders again. What a healthy shop
does not tell (evidence that is missing, comes late, is refused, has a deadline) is told by hand.
"""

import json
import resource
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from examples.demo.book import Book
from examples.demo.stage import Stage, start_shop
from examples.demo.story import Story
from worlds import otlp_requests as otlp
from worlds.prometheus import Prometheus
from worlds.sidecar_process import PATIENCE_SECONDS, SidecarProcess, until

WORKERS: Final = 2
_FLAGS: Final = ("--grace", "0.2s", "--tasks-per-service", "6", "--stream-retention", "10s")
_TOO_MANY_NAMES: Final = 8
_FORGOTTEN: Final = "0f" * 16
_SILENT: Final = "reports"
_PLATFORM: Final = "vercel"


@dataclass
class WatchedShop:
    """A running shop, its sidecar, and what happens to them."""

    sidecar: SidecarProcess
    story: Story

    def open_for_business(self, prometheus: Prometheus) -> None:
        """The first orders, and all else that can be told, once: every series is then there."""
        self.story.order(self.story.customers.orders(24), _ignored)
        self._tell_once()
        self.tell_the_rest()
        until(lambda: prometheus.value("sum(afterword_tasks_scheduled_total)"))

    def live_through(self) -> int:
        """More orders; workers are killed with work pending. Returns how many tasks were lost."""
        self.story.order(self.story.customers.orders(24, kept_waiting=3), _ignored)
        killing = self.story.kill()
        self.story.wait_for_workers(WORKERS + len(killing.workers))
        self.story.order(self.story.customers.orders(24), _ignored)
        self.tell_the_rest()
        self._come_back_too_late()
        return len(killing.tasks)

    def tell_the_rest(self) -> None:
        """Deadlines, traces, amendments, holes, rejections, too many names, and one left open."""
        now = time.time()
        at: dict[str, Any] = {"timeUnixNano": str(int(now * 1e9))}
        traced = {
            **at,
            "traceId": secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            "flags": 1,
        }
        before_it = {"deadline": now + 30.0, "platform": _PLATFORM}
        failed = {"outcome": "failed", "reason": "exception", "error.type": "KeyError"}
        self._post(
            otlp.scheduled(1, before_it, **traced),
            otlp.record(
                "deferred_task.started",
                {"sequence": 2, "opening_sequence": 1, "start_delay": 0.01},
                **at,
            ),
            otlp.settled(3, 1, {"duration": 25.0, "start_delay": 0.01, **before_it}, **traced),
            otlp.scheduled(4, {"platform": _PLATFORM}, **traced),
            otlp.settled(5, 4, {"duration": 1.5, "platform": _PLATFORM, **failed}, **traced),
            otlp.scheduled(6, {"platform": _PLATFORM}, **at),
        )
        self._late(now, at)
        self._post(otlp.record("deferred_task.scheduled", {"name": "no number"}, **at))
        self._post(otlp.record("something.else", **at))
        self._post(
            *(otlp.scheduled(n + 1, {"name": f"task {n}"}, **at) for n in range(_TOO_MANY_NAMES))
        )
        self._post(otlp.scheduled(1, **at), otlp.scheduled(3, **at))  # a hole
        self._dead_with_a_hole(at)
        self._dead_without_room()

    def _tell_once(self) -> None:
        """A process that lacks a record, says no more, and is forgotten: what it lacks is lost."""
        at: dict[str, Any] = {"timeUnixNano": str(int(time.time() * 1e9))}
        self._send([otlp.scheduled(1, **at), otlp.settled(3, 1, **at)], _FORGOTTEN, _SILENT)

    def _come_back_too_late(self) -> None:
        """It says something all the same once it has been forgotten: that is stale."""
        until(
            lambda: (
                self.sidecar.counts(
                    "afterword_evidence_lost_total", "service_name", service_name=_SILENT
                )
                or None
            )
        )
        self._send([otlp.scheduled(4)], _FORGOTTEN, _SILENT)

    def _late(self, now: float, at: dict[str, Any]) -> None:
        """A closing that comes when the task has been pronounced timed out."""
        stream = secrets.token_hex(16)
        name = {"name": "late", "platform": _PLATFORM, "deadline": now}
        before = self.sidecar.counts("afterword_tasks_settled_total", "reason", task="late")
        self._post(otlp.scheduled(1, name, **at), stream=stream)
        until(
            lambda: (
                self.sidecar.counts("afterword_tasks_settled_total", "reason", task="late")
                != before
                or None
            )
        )
        self._post(otlp.settled(2, 1, {"duration": 1.0, **name}, **at), stream=stream)

    def _dead_with_a_hole(self, at: dict[str, Any]) -> None:
        """A dead process whose spool lacks a record; and then the record comes after all."""
        stream = secrets.token_hex(16)
        lines = [
            json.dumps(otlp.logs([record], stream=stream, resource={"service.name": "billing"}))
            for record in (
                otlp.scheduled(1, {"name": "task 0"}, **at),
                otlp.scheduled(3, {"name": "task 0"}, **at),
            )
        ]
        before = self.sidecar.counts("afterword_evidence_lost_total", "service_name")
        segment = self.sidecar.spool / f"{stream}.00000001.jsonl"
        segment.write_text("".join(f"{line}\n" for line in (*lines, "no record at all")))
        (self.sidecar.spool / f"{stream}.lock").touch()  # nobody holds it
        until(
            lambda: (
                self.sidecar.counts("afterword_evidence_lost_total", "service_name") != before
                or None
            )
        )
        self._post(otlp.scheduled(2, {"name": "task 0"}, **at), stream=stream)

    def _dead_without_room(self) -> None:
        """A dead process of which only its lock file tells: four records, two of them ends."""
        stream = secrets.token_hex(16)
        (self.sidecar.spool / f"{stream}.00000001.jsonl").touch()
        (self.sidecar.spool / f"{stream}.lock").write_text(" 4 2\n")

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """The sidecar's store cannot be written meanwhile, and the spool waits."""
        pid = self.sidecar.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        try:
            self.story.order(self.story.customers.orders(1), _ignored)
            until(lambda: self._refused() or None)
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))

    def _refused(self) -> bool:
        return (
            self._send([otlp.scheduled(1)], secrets.token_hex(16))
            == httpx.codes.SERVICE_UNAVAILABLE
        )

    def _post(self, *records: Any, stream: str = "") -> None:
        status = self._send(list(records), stream or secrets.token_hex(16))
        assert status == httpx.codes.OK

    def _send(self, records: list[Any], stream: str, service: str = "billing") -> int:
        told = otlp.logs(records, stream=stream, resource={"service.name": service})
        url = f"{self.sidecar.receiver}/v1/logs"
        return httpx.post(url, json=told, timeout=PATIENCE_SECONDS).status_code


@contextmanager
def watched_shop(folder: Path) -> Iterator[WatchedShop]:
    """Sidecar and shop, running; upstream of the sidecar is another one."""
    (folder / "upstream").mkdir(parents=True)
    with (
        SidecarProcess(folder / "upstream") as upstream,
        SidecarProcess(folder, *_FLAGS, OTEL_EXPORTER_OTLP_ENDPOINT=upstream.receiver) as sidecar,
        start_shop(folder, sidecar.spool, WORKERS) as shop,
        closing(Book(sidecar.operators)) as book,
    ):
        url = shop.wait_for(r"running on (http://[\d.]+:\d+)")[1]
        shop.wait_for(rf"(?s)(Application startup complete.*){{{WORKERS}}}")
        stage = Stage(
            folder=folder,
            spool=sidecar.spool,
            shop_url=url,
            receiver_url=sidecar.receiver,
            operators_url=sidecar.operators,
        )
        yield WatchedShop(sidecar, Story(stage, book, seed=3))


def _ignored() -> None:
    return None

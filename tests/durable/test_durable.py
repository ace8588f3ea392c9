"""``durable=True``: no work begins before its opening is safe, and no sidecar keeps it for ever."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import afterword
from afterword import internal_errors, settings, stream
from worlds.scripted_sidecar import HANG, RESET, Reply, ScriptedSidecar
from worlds.sidecar_process import PATIENCE_SECONDS, SidecarProcess, until

AT_ONCE: Final = 0.0
PATIENT: Final = 3600.0
"""How long work waits for its opening in a test that is not about that it begins without."""


@pytest.fixture(autouse=True)
def process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test configures is its own; our errors fail it."""
    monkeypatch.setattr(internal_errors, "re_raise", True)
    monkeypatch.setattr(internal_errors, "told", set())
    before = settings.current()
    yield
    for used in stream.own():
        if used.delivery is not None:
            used.delivery.close(AT_ONCE)
    settings.restore(before)
    stream.renew()


class Work:
    """Says when it begins, and what the sidecar had been asked by then."""

    def __init__(self, sidecar: ScriptedSidecar | None = None) -> None:
        self.sidecar = sidecar
        self.began = 0
        self.requests_before: list[int] = []

    async def run(self) -> None:
        self.began += 1
        if self.sidecar is not None:
            self.requests_before.append(len(self.sidecar.requests))


async def ended(*futures: "asyncio.Future[Any] | None") -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(future for future in futures if future is not None))


async def test_work_begins_when_its_opening_is_acknowledged() -> None:
    """Refused twice, taken at last: only then the first step; what hands it over never waits."""
    refused = Reply(503, {"Retry-After": "0"})
    with ScriptedSidecar(refused, refused) as sidecar:
        afterword.configure(
            endpoint=sidecar.endpoint, durable=True, durable_timeout_seconds=PATIENT
        )
        work = Work(sidecar)
        tasks = [afterword.wait_until(work.run()) for _ in range(3)]
        assert work.began == 0
        await ended(*tasks)
        assert work.began == 3
        [requests] = set(work.requests_before)
        assert requests in {3, 4}, "they waited for one request together"


async def test_who_says_so_first_decides() -> None:
    """The task over its function, its function over the settings; only what is durable waits."""
    with ScriptedSidecar(HANG) as sidecar:
        afterword.configure(
            endpoint=sidecar.endpoint, durable=True, durable_timeout_seconds=PATIENT
        )
        work = Work()

        @afterword.deferred(durable=False)
        async def indifferent() -> None:
            await work.run()

        await ended(
            afterword.wait_until(work.run(), durable=False),
            afterword.wait_until(indifferent()),
            afterword.wait_until(asyncio.create_task(work.run())),
        )
        assert work.began == 3
        held = [afterword.wait_until(work.run()), afterword.wait_until(indifferent(), durable=True)]
        await asyncio.to_thread(sidecar.wait_for_requests, 1)
        await asyncio.sleep(0)
        assert work.began == 3
        for task in held:
            assert task is not None
            task.cancel()
        await asyncio.wait([task for task in held if task is not None])
        assert work.began == 3, "cancelled before it began"


@pytest.mark.parametrize("reply", [HANG, RESET], ids=["hanging", "gone"])
async def test_a_sidecar_that_is_not_there_holds_work_up_for_a_bounded_time(
    reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    """It begins anyway, and that is said, once."""
    with ScriptedSidecar(*[reply] * 100) as sidecar:
        afterword.configure(endpoint=sidecar.endpoint, durable=True, durable_timeout_seconds=0.05)
        work = Work()
        began = time.monotonic()
        with caplog.at_level(logging.WARNING, "afterword"):
            await ended(*(afterword.wait_until(work.run()) for _ in range(10)))
        assert work.began == 10
        assert time.monotonic() - began >= 0.05
        assert [line for line in caplog.messages if "not acknowledged within 0.05 s" in line] == [
            line for line in caplog.messages if "durable" in line
        ]
        assert sum("durable" in line for line in caplog.messages) == 1


async def test_work_whose_opening_is_refused_for_good_begins_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """400: it will never be acknowledged, so nothing is waited for; that is said, too."""
    with ScriptedSidecar(Reply(400)) as sidecar:
        afterword.configure(
            endpoint=sidecar.endpoint, durable=True, durable_timeout_seconds=PATIENT
        )
        work = Work(sidecar)
        with caplog.at_level(logging.WARNING, "afterword"):
            await ended(afterword.wait_until(work.run()))
        assert work.requests_before == [1]
        assert any("could not be delivered" in line for line in caplog.messages)


async def test_what_is_written_to_a_spool_is_safe_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No wait and no warning; a spool that cannot be written is told, and holds nothing up."""
    afterword.configure(spool=tmp_path / "spool", durable=True, durable_timeout_seconds=PATIENT)
    work = Work()
    with caplog.at_level(logging.WARNING, "afterword"):
        await ended(afterword.wait_until(work.run()))
    assert (work.began, caplog.messages) == (1, [])
    (tmp_path / "a file").write_text("")
    afterword.configure(spool=tmp_path / "a file" / "spool", durable=True)
    with caplog.at_level(logging.WARNING, "afterword"):
        await ended(afterword.wait_until(work.run()))
    assert work.began == 2
    assert any("durable" in line for line in caplog.messages)


async def test_a_time_out_counts_from_the_first_step() -> None:
    """``timeout=`` is the work's: waiting for the sidecar takes nothing of it."""
    refused = Reply(503, {"Retry-After": "1"})
    with ScriptedSidecar(refused) as sidecar:
        afterword.configure(
            endpoint=sidecar.endpoint, durable=True, durable_timeout_seconds=PATIENT
        )
        work = Work(sidecar)
        await ended(afterword.wait_until(work.run(), timeout=0.5))
        assert work.requests_before == [2]


async def test_confirmations_of_a_dead_sidecar_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond so many waiting ones further work begins at once instead of filling the memory."""
    monkeypatch.setattr("afterword.delivery.confirmations.MOST_WAITING", 2)
    with ScriptedSidecar(HANG) as sidecar:
        afterword.configure(
            endpoint=sidecar.endpoint, durable=True, durable_timeout_seconds=PATIENT
        )
        work = Work()
        tasks = [afterword.wait_until(work.run()) for _ in range(5)]
        await ended(*tasks[2:])
        assert work.began == 3
        for task in tasks[:2]:
            assert task is not None
            task.cancel()
        await asyncio.wait([task for task in tasks[:2] if task is not None])


def test_loops_in_many_threads_are_woken(tmp_path: Path) -> None:
    """Acknowledgements come on the delivery's thread and wake each task's own loop."""
    with ScriptedSidecar() as sidecar:
        afterword.configure(
            endpoint=sidecar.endpoint, durable=True, durable_timeout_seconds=PATIENT
        )
        work = Work()

        async def main() -> None:
            await ended(*(afterword.wait_until(work.run()) for _ in range(20)))

        threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert work.began == 100


def charging(sidecar: SidecarProcess) -> "subprocess.Popen[bytes]":
    """Work that is killed at its very first step, in a process of its own."""
    environment = {
        **os.environ,
        "AFTERWORD_ENDPOINT": sidecar.receiver,
        "AFTERWORD_DURABLE_TIMEOUT_SECONDS": str(PATIENT),
    }
    return subprocess.Popen(
        [sys.executable, "-c", CHARGING], stdout=subprocess.PIPE, env=environment
    )


CHARGING: Final = """
import asyncio, os, signal, sys
import afterword

async def charge():
    os.write(1, b"x")
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    afterword.wait_until(charge(), durable=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
PROCESSES: Final = 10


def test_no_work_that_began_is_unknown_to_the_book(tmp_path: Path) -> None:
    """Over HTTP, killed at the first step, each one of many: absent from the book are none."""
    with SidecarProcess(tmp_path) as sidecar:
        processes = [charging(sidecar) for _ in range(PROCESSES)]
        charges = 0
        for process in processes:
            output, _ = process.communicate(timeout=PATIENCE_SECONDS)
            assert process.returncode == -signal.SIGKILL
            charges += len(output)
        assert charges == PROCESSES
        scheduled = sidecar.counts("afterword_tasks_scheduled_total", "task")
        assert scheduled == {"charge": PROCESSES}


def test_a_sidecar_killed_meanwhile_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """The work began, so its opening was committed: a sidecar killed then still knows of it."""
    with SidecarProcess(tmp_path) as first, charging(first) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"x"
        first.kill()
        process.wait(PATIENCE_SECONDS)
    with SidecarProcess(tmp_path) as second:
        known = until(lambda: second.counts("afterword_tasks_scheduled_total", "task") or None)
        assert known == {"charge": 1}

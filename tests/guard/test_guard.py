"""Deadlines kept for real: a process is killed at its deadline, and every task has its frame."""

import asyncio
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
from afterword import guard, names, testing
from afterword.delivery import worker
from afterword.evidence import Opening, Pending
from afterword.opening import lead_within
from worlds.aftermath import Aftermath
from worlds.sidecar_process import PATIENCE_SECONDS, SidecarProcess, until

FUNCTION: Final = """
import asyncio, sys, time
import afterword

async def send_receipt():
    await asyncio.Event().wait()

async def notify():
    await asyncio.gather(asyncio.sleep(0), send_receipt())

async def render():
    await asyncio.to_thread(draw)

def draw():
    time.sleep(60)

async def starves():
    pass

async def hand_over(deadline):
    afterword.wait_until(send_receipt(), deadline=deadline)
    afterword.wait_until(notify(), deadline=deadline)
    afterword.wait_until(render(), deadline=deadline)
    for _ in range(5):
        await asyncio.sleep(0)

async def crunch(deadline):
    afterword.wait_until(starves(), deadline=deadline)
    time.sleep(60)

async def main():
    print("up", flush=True)
    deadline = float(sys.stdin.readline())
    await hand_over(deadline)
    afterword.wait_until(crunch(deadline), deadline=deadline)

asyncio.run(main())
"""
"""Work that waits in every way, and then blocks the loop."""

AWAITED: Final = {
    "send_receipt": "asyncio.Event.wait at function.py:6 in send_receipt",
    "notify": "asyncio.Event.wait at function.py:6 in send_receipt",
    "render": "draw in a thread at function.py:15 in draw",
    "crunch": "running at function.py:29 in crunch",
    "starves": "not started",
}


def run_until_killed(folder: Path, source: str, seconds: float, **environment: str) -> None:
    """Run a function as a platform does: SIGKILL when its time, from its invocation on, is over."""
    script = folder / "function.py"
    script.write_text(source)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        killer = threading.Timer(seconds, process.kill)
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            killer.start()
            process.stdin.write(f"{time.time() + seconds!r}\n")
            process.stdin.flush()
            assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        finally:
            killer.cancel()
            process.kill()


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """One sidecar for all that is judged by silence, which a fresh one does not do at once."""
    with SidecarProcess(tmp_path_factory.mktemp("sidecar"), "--grace", "0.2s") as sidecar:
        yield Aftermath(sidecar)


@pytest.mark.parametrize("way", ["spool", "http"])
def test_a_function_killed_at_its_deadline_has_told_where_each_task_was(
    tmp_path: Path, aftermath: Aftermath, way: str
) -> None:
    """Suspended, gathering, in a thread, blocking the loop, starved by that: all in the book."""
    service = f"killed-{way}"
    run_until_killed(tmp_path, FUNCTION, 3.0, **aftermath.environment(service, way))
    found = aftermath.letters(service, len(AWAITED))
    assert {letter["task"]: letter["awaiting"] for letter in found} == AWAITED
    for letter in found:
        verdict = letter["verdict"]
        assert (verdict["outcome"], verdict["reason"]) == ("timed_out", "platform_deadline")
        assert letter["pending"]["reason"] == "deadline_near"
    assert aftermath.net(service) == {"timed_out": len(AWAITED)}


LATE: Final = """
import asyncio, os, sys, time
import afterword

async def send_receipt():
    await asyncio.to_thread(sys.stdin.readline)

async def main():
    await afterword.wait_until(send_receipt(), deadline=time.time() + 2.0)

asyncio.run(main())
"""


def test_a_task_that_makes_it_after_all_is_amended(aftermath: Aftermath) -> None:
    """A platform that was late itself: timed out at first, completed in the end."""
    environment = {**os.environ, **aftermath.environment("late", "spool")}
    with subprocess.Popen(
        [sys.executable, "-c", LATE], stdin=subprocess.PIPE, text=True, env=environment
    ) as process:
        letter = aftermath.letter("late")
        assert letter["verdict"]["reason"] == "platform_deadline"
        assert letter["awaiting"].startswith("TextIOWrapper.readline in a thread at ")
        assert process.stdin is not None
        process.stdin.write("go on\n")
        process.stdin.close()
        assert process.wait(PATIENCE_SECONDS) == 0
    until(lambda: aftermath.net("late") == {"completed": 1} or None)
    amended = aftermath.sidecar.counts(
        "afterword_tasks_amended_total", "to_outcome", service_name="late"
    )
    assert amended == {"completed": 1}


FORKED: Final = """
import asyncio, os, time
import afterword

async def hangs():
    await asyncio.Event().wait()

async def main(seconds):
    afterword.wait_until(hangs(), name=f"hangs-{os.getpid()}", deadline=time.time() + seconds)
    await asyncio.sleep(0)
    if seconds > 100:
        return
    await asyncio.Event().wait()

async def parent():
    await main(1000)
    if os.fork() == 0:
        asyncio._set_running_loop(None)
        asyncio.set_event_loop_policy(None)
        asyncio.new_event_loop().run_until_complete(main(2.0))
    os.wait()

asyncio.run(parent())
"""


def test_a_forked_child_has_a_guard_of_its_own(aftermath: Aftermath) -> None:
    """The parent's thread does not survive the fork: the child's task is reported all the same."""
    environment = {**os.environ, **aftermath.environment("forked", "spool")}
    with subprocess.Popen(
        [sys.executable, "-c", FORKED], env=environment, start_new_session=True
    ) as process:
        try:
            letter = aftermath.letter("forked")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert letter["task"] != f"hangs-{process.pid}"
    assert letter["pending"]["reason"] == "deadline_near"


def test_the_lead_leaves_a_task_half_of_its_time() -> None:
    """A short deadline is not reported the moment the task is handed over; a past one is not."""
    assert lead_within(1.0, 60.0) == 1.0
    assert lead_within(1.0, 0.5) == 0.25
    assert lead_within(0.0, 60.0) == 0.0
    assert lead_within(1.0, -3.0) == 0.0


async def test_each_task_is_told_once_and_the_next_is_known() -> None:
    """With time passed in: two deadlines, one look for each, and nothing when both are told."""
    with testing.recording() as evidence:
        began = time.time()
        tasks = [
            afterword.wait_until(asyncio.Event().wait(), deadline=began + seconds)
            for seconds in (1000.0, 2000.0)
        ]
        await asyncio.sleep(0)
        watching = guard.Guard()
        leads = [opening.guard_lead_seconds for opening in evidence.of(Opening)]
        assert leads == [1.0, 1.0]
        assert watching.report(began) == began + 999.0
        assert watching.report(began + 999.0) == began + 1999.0
        assert watching.report(began + 1500.0) == began + 1999.0
        assert watching.report(began + 1999.5) == float("inf")
        assert [told.opening.sequence for told in evidence.of(Pending)] == [
            opening.sequence for opening in evidence.of(Opening)
        ]
        assert {told.reason for told in evidence.of(Pending)} == {names.PENDING_DEADLINE_NEAR}
        for task in tasks:
            assert task is not None
            task.cancel()
        await asyncio.sleep(0)


async def test_without_threads_there_is_one_timer_and_a_thread_as_soon_as_it_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each earlier deadline takes the timer's place; a refused thread is tried again."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    loop, watching = asyncio.get_running_loop(), guard.Guard()
    timers: list[asyncio.TimerHandle] = []
    call_later = loop.call_later

    def kept(*arguments: Any) -> asyncio.TimerHandle:
        timers.append(call_later(*arguments))
        return timers[-1]

    monkeypatch.setattr(loop, "call_later", kept)
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        for seconds in (900.0, 800.0, 700.0):
            watching.expect(time.time() + seconds)
        assert [timer.cancelled() for timer in timers] == [True, True, False]
    monkeypatch.setattr(worker, "monotonic", lambda: time.monotonic() + worker.PAUSE_SECONDS)
    watching.expect(time.time() + 600.0)
    assert watching._worker.thread is not None
    assert len(timers) == 3
    timers[-1].cancel()


async def test_without_threads_the_loop_keeps_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be made (a browser) a timer of the loop reports."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def report(watching: guard.Guard, now: float) -> float:
        following = original(watching, now)
        if evidence.of(Pending):  # a timer may be early
            told.set()
        return following

    told, original = asyncio.Event(), guard.Guard.report
    monkeypatch.setattr(guard.Guard, "report", report)
    monkeypatch.setattr(guard, "_guards", {})
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with testing.recording() as evidence:
        task = afterword.wait_until(asyncio.Event().wait(), deadline=time.time() + 0.02)
        assert task is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            await told.wait()
        task.cancel()
        # More than once, where an earlier test's guard, which is a thread, happens to look too.
        assert {each.awaiting for each in evidence.of(Pending)} == {"asyncio.Event.wait"}
        await asyncio.sleep(0)

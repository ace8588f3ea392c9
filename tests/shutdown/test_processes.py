"""Processes without a server: SIGTERM goes as it would have gone, and loops that close tell."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import hypercorn.utils
import pytest
import starlette.routing
import uvicorn
import uvloop

import afterword
from afterword import settings, shutdown, stream, testing
from afterword.evidence import Instance, Pending, Settled
from afterword.platforms.shutdown import termination
from worlds.aftermath import Aftermath
from worlds.scripted_sidecar import HANG, ScriptedSidecar
from worlds.sidecar_process import PATIENCE_SECONDS

WORKER: Final = """
import asyncio, signal, sys
import afterword

async def send_receipt():
    await asyncio.Event().wait()

async def main():
    afterword.wait_until(send_receipt())
    await asyncio.sleep(0)
    print("handed over", flush=True)
    await asyncio.Event().wait()
"""
RECEIPT: Final = "asyncio.Event.wait at worker.py:6 in send_receipt"


@contextmanager
def worker(folder: Path, *lines: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ``WORKER`` and these lines, once it has handed its task over."""
    script = folder / "worker.py"
    script.write_text(WORKER + "\n".join(lines))
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "handed over\n"
        try:
            yield process
        finally:
            process.kill()


ENDS: Final = {
    "killed": (["afterword.instrument('shutdown')", "asyncio.run(main())"], -signal.SIGTERM),
    "own-handler": (
        [
            "signal.signal(signal.SIGTERM, lambda *_: (print('mine', flush=True), sys.exit(7)))",
            "afterword.instrument('shutdown')",
            "asyncio.run(main())",
        ],
        7,
    ),
    "own-loop": (
        [
            "afterword.instrument('shutdown')",
            "loop = asyncio.new_event_loop()",
            "loop.add_signal_handler(signal.SIGTERM, loop.stop)",
            "loop.create_task(main())",
            "loop.run_forever()",
            "print('mine', flush=True)",
        ],
        0,
    ),
}
"""How a process of its own takes SIGTERM: its last lines, and its exit code."""


@pytest.mark.parametrize("way", list(ENDS))
def test_sigterm_does_what_it_did_and_is_told(
    tmp_path: Path, aftermath: Aftermath, way: str
) -> None:
    """By the default, by a handler that exits, by the loop's: the same exit, the task in the book.

    Over HTTP, so that it has to leave before the process ends.
    """
    lines, exit_code = ENDS[way]
    with worker(tmp_path, *lines, **aftermath.environment(way, "http")) as process:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == exit_code
    assert output.count("mine") == (0 if way == "killed" else 1)
    letter = aftermath.letter(way)
    verdict = letter["verdict"]
    assert (verdict["outcome"], verdict["reason"]) == ("dropped", "shutdown")
    assert letter["awaiting"] == RECEIPT


def test_a_sidecar_that_does_not_answer_does_not_keep_a_process_from_dying(tmp_path: Path) -> None:
    """SIGTERM by default, evidence that cannot leave: it dies of it when the budget is over."""
    lines = ["afterword.instrument('shutdown')", "asyncio.run(main())"]
    nowhere = {"AFTERWORD_ENDPOINT": "http://192.0.2.1", "AFTERWORD_EXIT_TIMEOUT_SECONDS": "0.2"}
    with worker(tmp_path, *lines, **nowhere) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGTERM


@pytest.fixture
def evidence() -> Iterator[testing.RecordingDelivery]:
    with testing.recording() as delivery:
        yield delivery


@pytest.fixture
def instrumented() -> Iterator[None]:
    afterword.instrument("shutdown")
    yield
    afterword.uninstrument("shutdown")


def test_handlers_are_chained_once_and_restored() -> None:
    """Ours stands before theirs, a second time changes nothing, and theirs is there again."""

    def theirs(*_: object) -> None:
        pass

    afterword.uninstrument("shutdown")  # another test may have left it
    before = signal.signal(signal.SIGTERM, theirs)
    try:
        afterword.instrument("shutdown")
        ours = signal.getsignal(signal.SIGTERM)
        assert isinstance(ours, termination.Handler)
        afterword.instrument("shutdown")
        assert signal.getsignal(signal.SIGTERM) is ours
        afterword.uninstrument("shutdown")
        assert signal.getsignal(signal.SIGTERM) is theirs
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        afterword.instrument("shutdown")
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN, "it does not stop at SIGTERM"
    finally:
        afterword.uninstrument("shutdown")
        signal.signal(signal.SIGTERM, before)


def test_servers_and_loops_are_hooked_once_and_restored() -> None:
    """Every method that was replaced is the very one that was there."""

    def methods() -> list[object]:
        loops = (asyncio.BaseEventLoop, uvloop.Loop)
        servers = (uvicorn.Server.shutdown, starlette.routing.Router.lifespan)
        return [*(loop.close for loop in loops), *servers, hypercorn.utils.ShutdownError.__init__]

    afterword.uninstrument("shutdown")  # another test may have left it
    before = methods()
    afterword.instrument("shutdown")
    hooked = methods()
    afterword.instrument("shutdown")
    assert methods() == hooked
    assert not set(before) & set(hooked)
    afterword.uninstrument("shutdown")
    assert methods() == before


def test_a_handler_put_in_later_is_chained_at_the_first_task(
    evidence: testing.RecordingDelivery, instrumented: None
) -> None:
    """A server that sets itself up after ``instrument()``: the first task finds its handler."""
    calls: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: calls.append(number))
    try:

        async def hang() -> None:
            await asyncio.Event().wait()

        async def main() -> None:
            afterword.wait_until(hang())
            await asyncio.sleep(0)
            signal.raise_signal(signal.SIGTERM)
            await asyncio.to_thread(evidence.wait_for, Pending, 1)

        asyncio.run(main())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert calls == [signal.SIGTERM]
    [pending] = evidence.of(Pending)
    assert pending.reason == "shutdown"
    assert pending.awaiting.startswith("asyncio.Event.wait at shutdown/test_processes.py:")
    [settled] = evidence.of(Settled)
    assert (settled.outcome, settled.reason) == ("dropped", "shutdown")


def test_a_loop_that_closes_settles_what_is_pending_on_it(
    evidence: testing.RecordingDelivery, instrumented: None
) -> None:
    """By hand, without cancelling: dropped, with the frame; tasks of another loop go on."""

    async def hang() -> None:
        await asyncio.Event().wait()

    async def hand_over() -> None:
        task = afterword.wait_until(hang())
        task._log_destroy_pending = False  # type: ignore[union-attr] # asyncio's complaint
        await asyncio.sleep(0)

    closed, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    for loop in (closed, other):
        loop.run_until_complete(hand_over())
    closed.close()
    [settled] = evidence.of(Settled)
    assert (settled.outcome, settled.reason) == ("dropped", "shutdown")
    assert settled.failure is not None
    assert settled.failure.awaiting.endswith("hang")
    other.close()
    assert len(evidence.of(Settled)) == 2


async def test_the_end_is_not_put_off_by_a_pool_without_a_free_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All threads of the loop's own pool are taken for as long as it likes: it ends in time."""
    loop, release = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    before, aside = settings.in_force(), stream.set_aside()
    with ScriptedSidecar(HANG) as sidecar:
        try:
            monkeypatch.setenv("AFTERWORD_EXIT_TIMEOUT_SECONDS", "0.2")
            afterword.configure(endpoint=sidecar.endpoint)
            taken = loop.run_in_executor(None, release.wait)
            future = afterword.wait_until(asyncio.sleep(0))
            assert future is not None
            await future
            async with asyncio.timeout(PATIENCE_SECONDS):
                await shutdown.finish()
            assert not taken.done()
        finally:
            release.set()
            stream.end_all()
            stream.put_back(aside)
            settings.restore(before)


def test_a_process_that_lives_on_begins_a_new_stream(
    evidence: testing.RecordingDelivery,
) -> None:
    """After ``finish``: later tasks are another stream's, earlier ones still tell their ends."""

    async def main() -> None:
        release = asyncio.Event()

        async def waits() -> None:
            await release.wait()

        early = afterword.wait_until(waits())
        assert early is not None
        await asyncio.sleep(0)
        first = stream.existing()
        shutdown.report()
        await shutdown.finish()
        assert [each.state for each in evidence.of(Instance)] == ["up", "down"]
        assert len(evidence.of(Pending)) == 1, "nothing has moved: it is not told twice"
        late = afterword.wait_until(waits())
        assert late is not None
        await asyncio.sleep(0)
        assert stream.existing() is not first
        late.cancel()
        release.set()
        await asyncio.wait([early, late])

    asyncio.run(main())
    ended = {(settled.outcome, settled.reason) for settled in evidence.of(Settled)}
    assert ended == {("completed", "completed"), ("cancelled", "cancelled")}

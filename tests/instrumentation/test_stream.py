"""The stream: one process that reports, from its first task to its exit, across forks."""

import asyncio
import errno
import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import afterword
from afterword import deliveries, internal_errors, names, stream, testing
from afterword.delivery import unopened
from afterword.evidence import Instance, Opening
from afterword.testing import RecordingDelivery


def run(code: str, spool: Path) -> "subprocess.CompletedProcess[str]":
    """A process of its own that reports into a spool."""
    environment = {**os.environ, "AFTERWORD_SPOOL": str(spool), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(spool: Path) -> dict[str, list[dict[str, Any]]]:
    """By stream, what it told: each record as its event name and its attributes' plain values."""
    streams: dict[str, list[dict[str, Any]]] = {}
    for segment in sorted(spool.glob("*.jsonl")):
        for line in segment.read_text().splitlines():
            scope = json.loads(line)["resourceLogs"][0]["scopeLogs"][0]
            (record,) = scope["logRecords"]
            plain = {
                attribute["key"]: next(iter(attribute["value"].values()))
                for attribute in record["attributes"]
            }
            streams.setdefault(segment.name.split(".")[0], []).append(
                {"event": record["eventName"].rpartition(".")[2], **plain}
            )
    return streams


def events(records: list[dict[str, Any]]) -> list[str]:
    return [record["event"] for record in records]


async def _quick() -> None:
    """Ends at once."""


async def test_a_stream_says_that_it_is_up_before_anything_else(
    evidence: RecordingDelivery,
) -> None:
    """The first record is the instance's own; importing alone makes no stream."""
    future = afterword.wait_until(_quick())
    assert future is not None
    await future
    first, second = evidence.records[:2]
    assert isinstance(first, Instance)
    assert (first.sequence, first.state) == (1, names.INSTANCE_UP)
    assert isinstance(second, Opening)


def test_what_is_open_at_exit_is_told_with_where_it_waits(tmp_path: Path) -> None:
    """``pending`` / ``shutdown`` for open tasks, then ``down`` with totals that add up."""
    done = run(
        """
        import asyncio, afterword

        async def quick(): pass
        async def hanging(): await asyncio.Event().wait()

        async def main():
            await afterword.wait_until(quick())
            afterword.wait_until(hanging())
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        asyncio.new_event_loop().run_until_complete(main())
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    ((_, records),) = told(tmp_path).items()
    assert events(records)[:7] == [
        "instance", "scheduled", "started", "settled", "scheduled", "started", "pending",
    ]  # fmt: skip
    pending = records[6]
    assert pending[names.REASON] == "shutdown"
    assert pending[names.AWAITING].startswith("asyncio.Event.wait at <string>:")
    down = records[7]
    assert (down[names.STATE], down[names.SCHEDULED_TOTAL], down[names.SETTLED_TOTAL]) == (
        "down", "2", "1",
    )  # fmt: skip
    assert [int(record[names.SEQUENCE]) for record in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("hooks", [True, False], ids=["at-fork hooks", "none, as under uWSGI"])
def test_a_forked_child_is_a_stream_of_its_own(tmp_path: Path, *, hooks: bool) -> None:
    """The child tells only its own task, not the parent's; the parent is not disturbed."""
    fork = "os.fork()" if hooks else "ctypes.PyDLL(None).fork()"
    done = run(
        f"""
        import asyncio, ctypes, os, sys, afterword

        async def named(): await asyncio.sleep(0)

        async def parent():
            pending = asyncio.get_running_loop().create_future()
            task = afterword.wait_until(asyncio.wait_for(pending, 30), name="of the parent")
            await asyncio.sleep(0)
            pid = {fork}
            if pid == 0:
                asyncio._set_running_loop(None)
                task.cancel()
                asyncio.run(child())
                sys.stdout.flush()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            pending.set_result(None)
            await task

        async def child():
            await afterword.wait_until(named(), name="of the child")

        asyncio.run(parent())
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    by_name = {
        next(record[names.NAME] for record in records if names.NAME in record): records
        for records in told(tmp_path).values()
    }
    assert set(by_name) == {"of the parent", "of the child"}
    assert events(by_name["of the child"]) == ["instance", "scheduled", "started", "settled"]
    assert events(by_name["of the parent"]) == [
        "instance", "scheduled", "started", "settled", "instance",
    ]  # fmt: skip
    for records in by_name.values():
        outcomes = [record[names.OUTCOME] for record in records if record["event"] == "settled"]
        assert outcomes == ["completed"]
        assert records[0][names.SEQUENCE] == "1"


def test_a_forked_child_runs_nothing_of_the_parents_tasks(tmp_path: Path) -> None:
    """A task of the parent that only its stream keeps alive is not closed in the copy."""
    done = run(
        """
        import asyncio, gc, os, afterword

        async def cleaning_up():
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                os.write(1, b"cleaned up\\n")

        async def quick(): pass

        async def main():
            afterword.wait_until(cleaning_up())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            pid = os.fork()
            if pid == 0:
                asyncio._set_running_loop(None)
                afterword.wait_until(quick())
                gc.collect()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

        asyncio.run(main())
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "cleaned up\n", "once, in the parent"


async def test_a_delivery_that_cannot_be_opened_yet_is_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first tasks find no stack or descriptors left: they run, and all are in the book."""
    with testing.recording() as evidence:
        troubles: list[BaseException] = [RecursionError(), OSError(errno.EMFILE, "too many")]
        monkeypatch.setattr(unopened, "PAUSE_SECONDS", 0.0)

        def make(_stream: stream.Stream) -> RecordingDelivery:
            if troubles:
                raise troubles.pop(0)
            return evidence

        deliveries.use(make)
        with caplog.at_level(logging.WARNING, "afterword"):
            for number in range(4):
                future = afterword.wait_until(_quick(), name=str(number))
                assert future is not None
                await future
        assert stream.current().delivery is evidence
    assert evidence.outcomes() == {str(number): ["completed"] for number in range(4)}
    assert [record.sequence for record in evidence.records] == list(range(1, 14))
    assert [record.message[:39] for record in caplog.records] == [
        "afterword: no evidence can be sent yet "
    ]


async def test_a_payload_that_cannot_be_had_costs_no_task_its_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The code that captures cannot be loaded just then: the task is in the book without it."""
    with testing.recording() as evidence:
        monkeypatch.setattr(internal_errors, "re_raise", False)
        monkeypatch.setitem(sys.modules, "afterword.capture", None)  # its import fails
        future = afterword.wait_until(_quick(), name="receipt", payload={"order": 7})
        assert future is not None
        await future
    assert evidence.outcomes() == {"receipt": ["completed"]}
    (opening,) = [record for record in evidence.records if isinstance(record, Opening)]
    assert (opening.payload, opening.payload_omitted) == (
        None,
        "what captures it could not be loaded; see the log",
    )


def test_what_waits_for_a_delivery_is_bounded_and_handed_on_in_order() -> None:
    """What is told while it is opened comes after; beyond a megabyte it is lost, as holes show."""
    real, beyond = RecordingDelivery(), RecordingDelivery()
    opened: list[object] = []

    def open_delivery() -> RecordingDelivery:
        waiting.send(Instance(11, 1, "beat", 0, 0))  # a finalizer, in the middle
        return real

    waiting = unopened.Unopened(open_delivery, opened.append)
    for number in range(1, 11):
        waiting.send(Instance(number, 1, "beat", 0, 0))
    assert real.records == []
    assert waiting.flush(0.0)
    waiting.send(Instance(12, 1, "beat", 0, 0))  # by a thread that has had it since
    assert [record.sequence for record in real.records] == list(range(1, 13))
    assert opened == [real]

    waiting = unopened.Unopened(lambda: beyond, opened.append)
    for number in range(1, 2001):
        waiting.send(Instance(number, 1, "beat", 0, 0))
    waiting.close(0.0)
    assert [record.sequence for record in beyond.records] == list(range(1, 1025))
    assert beyond.closed


def test_a_finalizer_that_hands_over_while_the_interpreter_ends(tmp_path: Path) -> None:
    """Modules are gone by then: it is told that nothing will run it, and no error of ours is."""
    done = run(
        """
        import asyncio, afterword
        async def quick(): pass
        async def main(): await afterword.wait_until(quick())
        asyncio.run(main())
        class Late:
            def __del__(self): afterword.wait_until(quick())
        late = Late()
        """,
        tmp_path,
    )
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("afterword: quick was handed over where nothing will run it")


def test_a_delivery_that_cannot_be_opened_costs_the_application_nothing(tmp_path: Path) -> None:
    """A spool that is a file: told once, and the tasks run."""
    not_a_directory = tmp_path / "file"
    not_a_directory.write_text("")
    done = run(
        """
        import asyncio, afterword
        async def quick(): return 5
        async def main():
            for _ in range(3):
                assert await afterword.wait_until(quick()) == 5
        asyncio.run(main())
        """,
        not_a_directory,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(str(not_a_directory)) == 1


async def test_a_name_without_end_is_cut_where_it_is_first_seen(
    evidence: RecordingDelivery,
) -> None:
    """The sidecar keeps 255 characters of it; the rest is neither sent nor remembered."""
    for _ in range(2):
        future = afterword.wait_until(asyncio.sleep(0), name="n" * 10_000)
        assert future is not None
        await future
    assert {opening.kind.name for opening in evidence.of(Opening)} == {"n" * 255}
    assert max(len(one.labels[0]) for one in stream.current().counted()) == 255

"""One test, run uncut, then once for each of its suspension points; every run a child process."""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self

import pytest
from _pytest.runner import runtestprotocol  # not public; as pytest-forked and others need it
from _pytest.unittest import TestCaseFunction  # not public

from afterword.testing.killing.again import run_all_again
from afterword.testing.killing.forking import Death, in_child
from afterword.testing.killing.judging import Cut, judge, missed
from afterword.testing.killing.observed import Observed, Opened, read
from afterword.testing.killing.reporting import Tested
from afterword.testing.killing.run import CUT_STATUS, Run

AT_MOST: Final = 100
TIMEOUT_SECONDS: Final = 60.0


class Experiment:
    """Runs a test in children of this process. A context manager: its files go with it."""

    def __init__(
        self,
        item: pytest.Item,
        *,
        at_most: int = AT_MOST,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._item: Final = item
        self._at_most: Final = at_most
        self._timeout_seconds: Final = timeout_seconds
        self._temporary: Final = TemporaryDirectory(prefix="afterword-kill-")
        self._place: Final = Path(self._temporary.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._temporary.cleanup()

    def uncut_reports(self) -> list[pytest.TestReport]:
        """Run the test to its end; what pytest reports of it."""
        item = self._item
        if not isinstance(item, pytest.Function) or isinstance(item, TestCaseFunction):
            return [failure_of(item, "afterword_kill: only test functions can be killed")]
        death = self._run(0, "uncut", partial(_reports_of, item))
        if death.status == 0:
            return [self._report(written) for written in json.loads(death.output)]
        return [failure_of(item, f"the uncut run {self._told(death)}")]

    def tested(self) -> Tested:
        """Cut it off everywhere; ``uncut_reports`` was called before."""
        uncut = read(self._facts(0, "uncut"))
        points = len(uncut.suspended)
        numbers = range(1, min(points, self._at_most) + 1)
        effects = sum(bool(each.root) for each in uncut.happened)
        return Tested(tuple(self._cut(number, uncut) for number in numbers), points, effects)

    def _cut(self, number: int, uncut: Observed) -> Cut:
        death = self._run(number, "cut", partial(_reports_of, self._item), cut_at=number)
        cut = read(self._facts(number, "cut"))
        if death.status not in {CUT_STATUS, 0}:
            return missed(number, uncut, f"the run to be cut off here {self._told(death)}")
        if not cut.cut_off:
            return judge(number, uncut, cut, Observed())
        again = partial(_run_again, self._item, cut.cut_off, self._timeout_seconds / 2)
        death = self._run(number, "again", again, earlier=self._facts(number, "cut"))
        verdict = judge(number, uncut, cut, read(self._facts(number, "again")))
        problem = self._problem_of(death)
        if problem:
            return verdict._replace(problems=(*verdict.problems, problem), is_missed=True)
        return verdict

    def _problem_of(self, death: Death) -> str:
        """Why the run of what was cut off says nothing; empty if it does."""
        if death.status:
            return f"running it again {self._told(death)}"
        reports = [self._report(written) for written in json.loads(death.output)]
        failed = next((report for report in reports if not report.passed), None)
        return f"running it again: {failed.when}: {failed.longreprtext}" if failed else ""

    def _run(
        self,
        number: int,
        which: str,
        work: "Callable[[Run], bytes]",
        *,
        cut_at: int = 0,
        earlier: Path | None = None,
    ) -> Death:
        facts = self._facts(number, which)
        world = facts.parent / "world"
        world.mkdir(parents=True, exist_ok=True)

        def live() -> bytes:
            run = Run(facts, world, cut_at=cut_at, earlier=earlier)
            with run.going_on():
                return work(run)

        # What is buffered now must be written once, by this process.
        sys.stdout.flush()
        sys.stderr.flush()
        self._item.config.get_terminal_writer().flush()
        death = in_child(live, self._timeout_seconds)
        self._forget_captured()
        return death

    def _facts(self, number: int, which: str) -> Path:
        return self._place / str(number) / f"{which}.jsonl"

    def _forget_captured(self) -> None:
        """What a killed child printed lies in the files that it shares with this process."""
        capturing = self._item.config.pluginmanager.getplugin("capturemanager")
        if capturing is not None:
            capturing.read_global_capture()

    def _report(self, written: Any) -> pytest.TestReport:
        config = self._item.config
        # JSON has no tuples, and other plugins look for them here.
        written["user_properties"] = [tuple(each) for each in written["user_properties"]]
        if isinstance(written["longrepr"], list):
            written["longrepr"] = tuple(written["longrepr"])
        report = config.hook.pytest_report_from_serializable(config=config, data=written)
        assert isinstance(report, pytest.TestReport)  # noqa: S101 - a runtest protocol makes no other
        return report

    def _told(self, death: Death) -> str:
        if death.is_late:
            return f"did not end within {self._timeout_seconds} s"
        return f"ended with status {death.status} and reported nothing"


def failure_of(item: pytest.Item, said: str) -> pytest.TestReport:
    """The report of a test that failed without being run to its end."""
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", said, "call")


def _reports_of(item: pytest.Item, _run: Run) -> bytes:
    """Run the test in this process, and what pytest reports of it.

    Torn down is what is the test's own: what it shares with others may be the parent's, and go on.
    """
    config = item.config
    shared: Any = item.parent  # teardown asks of the next item only which collectors it is below
    reports = runtestprotocol(item, log=False, nextitem=shared)
    written = [
        config.hook.pytest_report_to_serializable(config=config, report=report)
        for report in reports
    ]
    return json.dumps(written, default=str).encode()


def _run_again(
    item: pytest.Item, letters: Sequence[Opened], timeout_seconds: float, run: Run
) -> bytes:
    """Run these tasks in the test's place, with its fixtures set up, on the loop it would have."""
    assert isinstance(item, pytest.Function)  # noqa: S101 - the uncut run would have failed
    if inspect.iscoroutinefunction(item.obj):

        async def replace_async(**_fixtures: object) -> None:
            await run_all_again(letters, run, timeout_seconds)

        item.obj = replace_async
    else:

        def replace(**_fixtures: object) -> None:
            asyncio.run(run_all_again(letters, run, timeout_seconds))

        item.obj = replace
    return _reports_of(item, run)

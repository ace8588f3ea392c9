"""pytest's hooks for ``--afterword-kill-at-every-await``; registered only if it was given."""

import json
from typing import Final

import pytest
from _pytest.runner import CallInfo  # not public; what a plugin that runs items itself needs

from afterword.testing.killing.experiment import Experiment, failure_of
from afterword.testing.killing.judging import Cut
from afterword.testing.killing.reporting import Tested, complaint, headline, table

MARKER: Final = "afterword_kill"
_PROPERTY: Final = "afterword_kill"
"""Of a report: what was found, as JSON; so it crosses from xdist's workers."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a marked test in children of this process, and report it as one test."""
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in [*_judged(item, marker), *_higher_teardown(item, nextitem)]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A table for each test that was killed."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if isinstance(report, pytest.TestReport)
    ]
    found = [(report, value) for report in reports for value in _found(report)]
    if found:
        terminalreporter.section("afterword: killed at every await")
    for report, tested in found:
        terminalreporter.write_line(f"{report.nodeid}: {headline(tested)}")
        for line in table(tested):
            terminalreporter.write_line(f"  {line}")


def _found(report: pytest.TestReport) -> list[Tested]:
    return [
        Tested(tuple(Cut(*cut) for cut in cuts), points, effects)
        for name, value in report.user_properties
        if name == _PROPERTY and report.when == "call"
        for cuts, points, effects in [json.loads(str(value))]
    ]


def _judged(item: pytest.Item, marker: pytest.Mark) -> list[pytest.TestReport]:
    """The reports of the uncut run, its outcome the verdict on all of them."""
    try:
        experiment = Experiment(item, **marker.kwargs)
    except TypeError as error:
        return [failure_of(item, f"@pytest.mark.afterword_kill: {error}")]
    with experiment:
        reports = experiment.uncut_reports()
        call = next((report for report in reports if report.when == "call"), None)
        if call is None or not all(report.passed for report in reports):
            return reports
        tested = experiment.tested()
    call.user_properties.append((_PROPERTY, json.dumps(tested)))
    said = complaint(tested)
    if said:
        call.outcome = "failed"
        call.longrepr = said
    return reports


def _higher_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """Tear down in this process what earlier tests had set up and the next one does not share.

    Returns:
        A report, if that failed.
    """
    setup_state = item.session._setupstate  # noqa: SLF001 - the only way to it
    call = CallInfo.from_call(lambda: setup_state.teardown_exact(nextitem), when="teardown")
    if call.excinfo is None:
        return []
    return [pytest.TestReport.from_item_and_call(item, call)]

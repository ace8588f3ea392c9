"""What the world knows, and so what the book must say of each task."""

from collections import Counter
from typing import NamedTuple

from afterword_sidecar.ledger.records import SettledTask
from worlds.simulation.delivery import PROMPT_SECONDS, Http, Spool
from worlds.simulation.fleet import LEAD_SECONDS, Process, Task

_ROUNDING_SECONDS = 1e-5
_CUT_OFF = "timed_out/platform_deadline/inferred"


class WrongVerdictError(AssertionError):
    """The book says what did not happen."""


def judge(process: Process, verdicts: dict[tuple[bytes, int], SettledTask]) -> Counter[str]:
    """Compare every task of a process with the book. Returns how many of each kind there were."""
    found: Counter[str] = Counter()
    gone = _gone(process)
    for task in process.tasks:
        settled = verdicts.get((process.source.stream, task.opening))
        said = None if settled is None else _words(settled)
        allowed = _allowed(process, task, gone)
        if said not in allowed:
            raise WrongVerdictError(
                f"stream {process.source.stream.hex()} task {task.opening}: the book says {said}, "
                f"the world allows {sorted(map(str, allowed))}"
            )
        if settled is not None:
            _check_offset(process, task, settled)
        found[_kind(process, task, said)] += 1
        if settled is not None and settled.history:
            found["amended"] += 1
    return found


def _check_offset(process: Process, task: Task, settled: SettledTask) -> None:
    """Of each verdict of its deadline: read by the clock that gave it, or later; never sooner."""
    if not isinstance(process.delivery, Http) or task.deadline is None:
        return
    for verdict in (*settled.history, settled.verdict):
        if verdict.reason != "platform_deadline" or verdict.clock is None:
            continue
        delay = verdict.clock.offset_seconds + task.skew
        shown_at = process.delivery.prompt.get(task.skew, [verdict.at])[0]
        if delay < -_ROUNDING_SECONDS or (shown_at < verdict.at and delay > PROMPT_SECONDS):
            raise WrongVerdictError(
                f"stream {process.source.stream.hex()} task {task.opening}: its deadline was read "
                f"{delay:+.3f} s off, at {verdict.at}"
            )


class _Gone(NamedTuple):
    """What did not arrive of a spool that was removed unread."""

    last: int = 0
    """The last record that is missing."""
    ends_told: bool = False
    """Of an end among them, it was told that it was there."""


def _gone(process: Process) -> _Gone:
    committed = process.delivery.committed
    last = max(committed, default=0)
    while last in committed:
        last -= 1
    accounted = max((each for each in process.accounts if each in committed), default=0)
    ends = (task.closing for task in process.tasks if 0 < task.closing < accounted)
    return _Gone(last, any(closing not in committed for closing in ends))


def _allowed(process: Process, task: Task, gone: _Gone) -> set[str | None]:
    committed = process.delivery.committed
    if task.opening in process.delivery.rolled_up:
        return {None}
    if task.ending is not None and task.closing in committed:
        return {"/".join((*task.ending, "observed"))}
    if task.opening not in committed:
        return {None}
    if isinstance(process.delivery, Spool):
        if gone.last > task.opening:
            return _unproven(task, gone)
        return _proven(process, process.delivery, task)
    return _inferred(process, task)


def _proven(process: Process, spool: Spool, task: Task) -> set[str | None]:
    """By spool there is one right answer, but for what a frozen process could not tell."""
    if task.pending and not 0 < task.near < task.pending:
        return {"dropped/shutdown/proven"}
    late, lost = "timed_out/platform_deadline/proven", "dropped/instance_lost/proven"
    if task.deadline is None or process.died_at < task.deadline - LEAD_SECONDS:
        return {lost}
    return {late} if task.near or spool.alive_at >= task.deadline - LEAD_SECONDS else {late, lost}


def _unproven(task: Task, gone: _Gone) -> set[str | None]:
    """Its end may have been told in a spool that was removed: the fallen lock does not prove it."""
    cut_off: set[str | None] = set() if task.deadline is None else {_CUT_OFF}
    stopped: set[str | None] = {"dropped/shutdown/inferred"} if task.pending else set()
    if gone.ends_told:  # pending after all that is missing: what was said of it then was right
        stopped = stopped if task.pending > gone.last else set()
        return {"unknown/evidence_lost/proven", *stopped, *cut_off}
    return {"dropped/instance_lost/inferred", *stopped, *cut_off}


def _inferred(process: Process, task: Task) -> set[str | None]:
    """By HTTP the last buffer is gone; every answer must say that it is only inferred."""
    committed = process.delivery.committed
    allowed: set[str | None] = set()
    if task.deadline is not None:
        allowed.add(_CUT_OFF)
    else:
        allowed.add("dropped/expired/inferred")
    if process.lease_seconds:
        allowed.add("dropped/instance_lost/inferred")
    if process.down_sequence in committed or task.pending in committed:
        allowed.add("dropped/shutdown/inferred")
    if task.pending in committed:
        allowed -= {"dropped/expired/inferred"}
    if task.ending is not None or any(
        t.closing and t.closing not in committed for t in process.tasks
    ):
        allowed.add("unknown/evidence_lost/inferred")
    return allowed


def _kind(process: Process, task: Task, said: str | None) -> str:
    if task.opening in process.delivery.rolled_up and task.closing in process.delivery.committed:
        return "counted in a rollup, without detail"
    if said is None:
        return "never reported (died in the buffer of a killed process)"
    if not said.endswith("observed") and task.ending is not None:
        where = "in a spool that was removed" if process.spooled else "in the buffer"
        return f"ended, but the closing died {where}: {said}"
    return said


def _words(settled: SettledTask) -> str:
    verdict = settled.verdict
    return f"{verdict.outcome}/{verdict.reason}/{verdict.basis}"

"""What the world knows, and so what the book must say of each task."""

from collections import Counter

from afterword_sidecar.ledger.records import SettledTask
from worlds.simulation.delivery import PROMPT_SECONDS, Http, Spool
from worlds.simulation.fleet import LEAD_SECONDS, Process, Task

_ROUNDING_SECONDS = 1e-5


class WrongVerdictError(AssertionError):
    """The book says what did not happen."""


def judge(process: Process, verdicts: dict[tuple[bytes, int], SettledTask]) -> Counter[str]:
    """Compare every task of a process with the book. Returns how many of each kind there were."""
    found: Counter[str] = Counter()
    for task in process.tasks:
        settled = verdicts.get((process.source.stream, task.opening))
        said = None if settled is None else _words(settled)
        allowed = _allowed(process, task)
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
        shown_at, _ = process.delivery.prompt.get(task.skew, (verdict.at, 0.0))
        if delay < -_ROUNDING_SECONDS or (shown_at < verdict.at and delay > PROMPT_SECONDS):
            raise WrongVerdictError(
                f"stream {process.source.stream.hex()} task {task.opening}: its deadline was read "
                f"{delay:+.3f} s off, at {verdict.at}"
            )


def _allowed(process: Process, task: Task) -> set[str | None]:
    committed = process.delivery.committed
    if task.opening in process.delivery.rolled_up:
        return {None}
    if task.ending is not None and task.closing in committed:
        return {"/".join((*task.ending, "observed"))}
    if task.opening not in committed:
        return {None}
    if isinstance(process.delivery, Spool):
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


def _inferred(process: Process, task: Task) -> set[str | None]:
    """By HTTP the last buffer is gone; every answer must say that it is only inferred."""
    committed = process.delivery.committed
    allowed: set[str | None] = set()
    if task.deadline is not None:
        allowed.add("timed_out/platform_deadline/inferred")
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
        return "ended, but the closing died in the buffer: " + said
    return said


def _words(settled: SettledTask) -> str:
    verdict = settled.verdict
    return f"{verdict.outcome}/{verdict.reason}/{verdict.basis}"

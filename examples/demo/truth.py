"""From the shop's own log to what truly became of every task. Pure; it knows no book."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple


class Verdict(NamedTuple):
    """How a task ended, in the words of the outcome table."""

    outcome: str
    reason: str
    basis: str


class TaskOfOrder(NamedTuple):
    """Which task: the shop hands each of them over at most once an order."""

    order: str
    task: str


COMPLETED = Verdict("completed", "completed", "observed")
LOST = Verdict("dropped", "instance_lost", "proven")
CUT_OFF = Verdict("timed_out", "platform_deadline", "proven")

GUARD_LEAD_SECONDS: Final = 2.0
"""How long before a deadline a pending task says where it waits. Killed later, it was cut off."""

_TIMER_EARLY_SECONDS: Final = 0.005
"""A timer may fire a little before its time: uvloop counts whole milliseconds, its "now" cut off
and its delay rounded, so up to 1.5 ms early by the log's finer clock. The rest is slack for a clock
that is being slewed; nothing in the shop cancels within milliseconds of a timeout."""


class OpenEndedError(Exception):
    """The log does not say what became of a task: it has no end, and nobody killed its worker."""


def read(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The log's lines, each a complete JSON object."""
    return [json.loads(line) for line in lines]


def fates(log: Iterable[dict[str, Any]]) -> dict[TaskOfOrder, Verdict]:
    """What became of each task that was handed over. Raises ``OpenEndedError``.

    A task without an end whose worker was killed is lost, or was cut off if its deadline was near
    by then. One that was cancelled was cancelled by
    the shop if the log says that the shop meant to, and else by its ``timeout=``, which must have
    passed, but for the milliseconds that a timer may be early.
    """
    handed_over: dict[TaskOfOrder, dict[str, Any]] = {}
    ended: dict[TaskOfOrder, dict[str, Any]] = {}
    cancel_requested: set[TaskOfOrder] = set()
    killed: dict[int, float] = {}
    for line in log:
        match line["event"]:
            case "handed_over":
                handed_over[_key(line)] = line
            case "ended":
                ended[_key(line)] = line
            case "cancel_requested":
                cancel_requested.add(_key(line))
            case "killed":
                killed[line["worker"]] = line["at"]
    return {
        key: _fate(key, opening, ended.get(key), key in cancel_requested, killed)
        for key, opening in handed_over.items()
    }


def running(log: Iterable[dict[str, Any]]) -> Iterator[tuple[TaskOfOrder, int]]:
    """Tasks without an end so far, with the process id of the worker that runs them."""
    waiting: dict[TaskOfOrder, int] = {}
    for line in log:
        if line["event"] == "handed_over":
            waiting[_key(line)] = line["pid"]
        elif line["event"] == "ended":
            waiting.pop(_key(line), None)
    yield from waiting.items()


def _key(line: dict[str, Any]) -> TaskOfOrder:
    return TaskOfOrder(line["order"], line["task"])


def _fate(
    key: TaskOfOrder,
    opening: dict[str, Any],
    end: dict[str, Any] | None,
    cancel_requested: bool,  # noqa: FBT001 - a fact of the log like the others
    killed: dict[int, float],
) -> Verdict:
    if end is None:
        if opening["pid"] in killed:
            return _when_killed(opening["deadline"], killed[opening["pid"]])
        raise OpenEndedError(f"{key}: handed over, no end, and worker {opening['pid']} lives")
    if end["how"] == "returned":
        return COMPLETED
    if end["how"] == "raised":
        if end["error"] == "TimeoutError":
            return Verdict("timed_out", "raised", "observed")
        return Verdict("failed", "exception", "observed")
    if cancel_requested:
        return Verdict("cancelled", "cancelled", "observed")
    if _ran_out(opening["timeout_seconds"], end["at"] - opening["at"]):
        return Verdict("timed_out", "timeout", "observed")
    raise OpenEndedError(f"{key}: cancelled, and the log does not say by whom")


def _when_killed(deadline: float | None, killed_at: float) -> Verdict:
    near = deadline is not None and killed_at >= deadline - GUARD_LEAD_SECONDS
    return CUT_OFF if near else LOST


def _ran_out(timeout_seconds: float | None, lasted_seconds: float) -> bool:
    """Whether a task that lasted so long can have been ended by its timeout."""
    return timeout_seconds is not None and lasted_seconds >= timeout_seconds - _TIMER_EARLY_SECONDS

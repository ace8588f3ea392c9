"""What a cut cost: the run that was cut off, and what was run again, beside the uncut run. Pure.

Compared are the effects of the tasks that had been handed over when the process was killed, and of
the tasks that these handed over in turn. What no task did, and what was never handed over because
the process was dead, is no deferred work and is left out.

- *lost*: the uncut run has it more often than the cut run and what was run again, together.
- *repeated*: the other way round, and nobody declared it idempotent.
- *unexpected*: the uncut run does not have it at all. Shown, and no failure: a task may clean up
  after itself.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from afterword.testing.effects import Effect
from afterword.testing.killing.observed import Happened, Observed

Key = tuple[str, tuple[str | int | bool | None, ...]]


class Cut(NamedTuple):
    """One suspension point, and what became of the effects when the process was killed there."""

    number: int
    task: str
    where: str
    before: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    is_missed: bool = False
    """The run was not cut off here, so nothing is known."""

    @property
    def is_harmful(self) -> bool:
        """Whether the test fails for it."""
        return bool(self.lost or self.repeated or self.is_missed)


def missed(number: int, uncut: Observed, problem: str) -> Cut:
    """The verdict where a run says nothing of the ``number``-th suspension point."""
    point = uncut.suspended[number - 1]
    name = _task_name(uncut, point.task)
    return Cut(number, name, point.where, problems=(problem,), is_missed=True)


def judge(number: int, uncut: Observed, cut: Observed, again: Observed) -> Cut:
    """The verdict on the ``number``-th suspension point (1, 2, 3 …).

    Args:
        number: Which suspension point.
        uncut: The run that nobody cut off.
        cut: The run that was killed there.
        again: The run of the tasks that the kill cut off.
    """
    point = next((each for each in cut.suspended if each.number == number), None)
    if point is None:
        problem = "not reached this time: the test does not run the same way twice"
        return missed(number, uncut, problem)
    expected = _counted(each for each in uncut.happened if each.root in cut.roots)
    before = [each for each in cut.happened if each.root]
    actual = _counted([*before, *(each for each in again.happened if each.root)])
    idempotent = {
        _key(each) for run in (uncut, cut, again) for each in run.happened if each.idempotent
    }
    more = actual - expected
    return Cut(
        number,
        _task_name(cut, point.task),
        point.where,
        tuple(str(each.effect) for each in before),
        _told(expected - actual),
        _told(Counter({k: n for k, n in more.items() if k in expected and k not in idempotent})),
        _told(Counter({k: n for k, n in more.items() if k not in expected})),
        tuple(
            f"{_task_name(cut, each.task)}: {each.problem}"
            for each in again.ran_again
            if each.problem
        ),
    )


def _task_name(run: Observed, task: int) -> str:
    return next((each.name for each in run.opened if each.task == task), "")


def _key(happened: Happened) -> Key:
    return (happened.name, tuple(happened.identity))


def _counted(happened: Iterable[Happened]) -> Counter[Key]:
    return Counter(_key(each) for each in happened)


def _told(counted: Counter[Key]) -> tuple[str, ...]:
    return tuple(
        str(Effect(*key)) + (f" x {count}" if count > 1 else "") for key, count in counted.items()
    )

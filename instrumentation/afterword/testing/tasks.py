"""What a test sees of deferred tasks: one task, and several of them. Pure, over evidence."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, overload

from afterword import names
from afterword.evidence import Failure, Opening, Record, Settled, Started

IN_FLIGHT: Final = "in_flight"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredTask:
    """One task that was handed over, as of one moment."""

    name: str
    platform: str
    """What it was handed to: ``asyncio``, ``starlette``, ``vercel``."""
    outcome: str
    """``completed``, ``failed``, ``timed_out``, ``cancelled``, ``dropped``; or ``in_flight``."""
    reason: str = ""
    """One of the outcome's reasons, as ``docs/semantics.md`` has them; empty while in flight."""
    started: bool = False
    route: str = ""
    """``http.route`` of the request that handed it over."""
    payload: str | None = None
    """What capture keeps of it, a JSON document; ``None`` where capture is off."""
    error_type: str = ""
    error_message: str = ""
    stacktrace: str = ""
    awaiting: str = ""
    """Where it was suspended when it was cut off, or is suspended now."""
    start_delay_seconds: float | None = None
    duration_seconds: float | None = None

    @property
    def arguments(self) -> Mapping[str, object] | None:
        """The arguments as a replay would get them; ``None`` where capture kept none.

        Raises:
            PayloadError: They name a class that is not loaded.
        """
        from afterword.capture.reading import decode  # noqa: PLC0415 - of tests that look at them

        if self.payload is None:
            return None
        document = decode(self.payload)
        arguments: Mapping[str, object] | None = document.get("arguments")
        return arguments

    def __str__(self) -> str:
        how = self.outcome if self.reason in {"", self.outcome} else f"{self.outcome}/{self.reason}"
        said = [f"{self.name} {how}"]
        if self.error_type:
            said.append(f"{self.error_type}: {self.error_message}".removesuffix(": "))
        if self.awaiting:
            said.append(f"awaiting {self.awaiting}")
        return ", ".join(said)


class Tasks(Sequence[DeferredTask]):
    """Tasks in the order in which they were handed over; as of one moment."""

    def __init__(self, tasks: Iterable[DeferredTask], asked: str = "", seen: str = "") -> None:
        self._tasks: Final = tuple(tasks)
        self._asked: Final = asked
        self._seen: Final = seen

    @overload
    def __getitem__(self, index: int) -> DeferredTask: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DeferredTask]: ...
    def __getitem__(self, index: int | slice) -> DeferredTask | Sequence[DeferredTask]:
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(f"there is no task number {index}: {self!r}")
        return self._tasks[index]

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def scheduled(self) -> int:
        """How many were handed over."""
        return len(self._tasks)

    @property
    def completed(self) -> int:
        """How many returned."""
        return self._with(names.COMPLETED)

    @property
    def failed(self) -> int:
        """How many raised."""
        return self._with(names.FAILED)

    @property
    def timed_out(self) -> int:
        """How many ran out of their time, or raised ``TimeoutError``."""
        return self._with(names.TIMED_OUT)

    @property
    def cancelled(self) -> int:
        """How many somebody cancelled."""
        return self._with(names.CANCELLED)

    @property
    def dropped(self) -> int:
        """How many were never run, or were abandoned: handed over with no loop, skipped, …."""
        return self._with(names.DROPPED)

    @property
    def in_flight(self) -> int:
        """How many have not ended."""
        return self._with(IN_FLIGHT)

    def _with(self, outcome: str) -> int:
        return sum(task.outcome == outcome for task in self._tasks)

    def assert_all_completed(self) -> None:
        """Fail, telling of each that did not complete; fail too if there is no task at all.

        Raises:
            AssertionError: With name, outcome, error and stack of every task that did not complete.
        """
        __tracebackhide__ = True
        if not self._tasks:
            raise AssertionError(f"no deferred task was handed over: {self!r}")
        others = [task for task in self._tasks if task.outcome != names.COMPLETED]
        if others:
            lines = [f"{len(others)} of {len(self)} deferred tasks did not complete:"]
            for task in others:
                lines.append(f"  {task}")
                lines.extend(f"    {line}" for line in task.stacktrace.splitlines())
            if any(task.outcome == IN_FLIGHT for task in others):
                lines.append("Some are in flight: await deferred_tasks.drain() before asserting.")
            raise AssertionError("\n".join(lines))

    def __repr__(self) -> str:
        asked = f" {self._asked!r}" if self._asked else ""
        if not self._tasks:
            return f"<no deferred tasks{asked}; seen: {self._seen or 'none'}>"
        return f"<deferred tasks{asked}: {summary(self._tasks)}>"


def summary(tasks: Iterable[DeferredTask]) -> str:
    """How many ended how, by name."""
    counts = Counter((task.name, task.outcome) for task in tasks)
    return ", ".join(f"{name} {count} {outcome}" for (name, outcome), count in counts.items())


def tasks_of(
    records: Iterable[Record], awaiting: Callable[[Opening], str]
) -> tuple[DeferredTask, ...]:
    """The tasks that evidence tells of, in the order in which they were handed over.

    Args:
        records: In order of arrival. A task's records share its ``Opening``, the object.
        awaiting: Where a task that is open is suspended now.
    """
    openings: dict[int, Opening] = {}
    started: dict[int, Started] = {}
    settled: dict[int, Settled] = {}
    for record in records:
        if isinstance(record, Opening):
            openings[id(record)] = record
        elif isinstance(record, Started):
            started[id(record.opening)] = record
        elif isinstance(record, Settled):
            settled[id(record.opening)] = record
    return tuple(
        _task(opening, started.get(key), settled.get(key), awaiting)
        for key, opening in openings.items()
    )


def _task(
    opening: Opening,
    started: Started | None,
    settled: Settled | None,
    awaiting: Callable[[Opening], str],
) -> DeferredTask:
    failure = (settled.failure if settled is not None else None) or Failure()
    return DeferredTask(
        name=opening.kind.name,
        platform=opening.kind.platform,
        outcome=settled.outcome if settled is not None else IN_FLIGHT,
        reason=settled.reason if settled is not None else "",
        started=started is not None,
        route=opening.route,
        payload=opening.payload,
        error_type=failure.error_type,
        error_message=failure.exception_message,
        stacktrace=failure.exception_stacktrace,
        awaiting=failure.awaiting if settled is not None else awaiting(opening),
        start_delay_seconds=started.start_delay_seconds if started is not None else None,
        duration_seconds=settled.duration_seconds if settled is not None else None,
    )

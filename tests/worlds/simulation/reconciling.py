"""What the audit must say of each stream, by what the world knows to have arrived."""

from afterword_sidecar.ledger.audit import ServiceAudit
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.records import SettledTask
from afterword_sidecar.ledger.totals import START_DELAY
from worlds.simulation.fleet import Process, Task
from worlds.simulation.judge import WrongVerdictError

Verdicts = dict[tuple[bytes, int], SettledTask]
"""By (stream, opening): the last that the book said."""


def reconcile(book: Book, fleet: list[Process], verdicts: Verdicts, now: float) -> None:
    """Raise unless totals, holes and the audit are exactly what arrived of the fleet's evidence."""
    told = book.audit(now)
    by_service = {each.service: each for each in told.services}
    counted = sum(each.scheduled for each in told.services)
    known = sum(_known(process) for process in fleet)
    if counted != known:
        raise WrongVerdictError(f"{counted:.0f} tasks are scheduled in the book, {known} arrived")
    _check_starts(book, fleet, verdicts)
    incomplete: set[str] = set()
    for process in fleet:
        if _check_stream(book, process):
            incomplete.add(process.source.service)
    for service, audit in by_service.items():
        _check_service(audit, complete=service not in incomplete)


def _known(process: Process) -> int:
    committed = process.delivery.committed
    return sum(task.opening in committed or task.closing in committed for task in process.tasks)


def _check_starts(book: Book, fleet: list[Process], verdicts: Verdicts) -> None:
    """Each start that arrived is observed once: alone, or with the task's closing.

    But for one that came after a verdict, of a task whose closing never did.
    """
    arrived = sum(_started(process, task, verdicts) for process in fleet for task in process.tasks)
    observed = sum(
        sum(total.value[:-1])
        for (metric, _), total in book.view().totals.items()
        if metric == START_DELAY and isinstance(total.value, tuple)
    )
    if observed != arrived:
        raise WrongVerdictError(f"{observed:.0f} starts are in the book, {arrived} arrived")


def _started(process: Process, task: Task, verdicts: Verdicts) -> bool:
    """Whether the book was told that it began while that was of use."""
    committed, rolled_up = process.delivery.committed, process.delivery.rolled_up
    if not task.started or task.opening in rolled_up:
        return False
    if task.closing in committed:
        return True
    if not (task.opening in committed and task.started in committed):
        return False
    settled = verdicts[process.source.stream, task.opening]
    first = (*settled.history, settled.verdict)[0]
    return committed[task.started] <= first.at


def _check_stream(book: Book, process: Process) -> bool:
    """Whether something of the stream is missing."""
    committed = process.delivery.committed
    stream = book._registry.streams.get(process.source.stream)
    if stream is None:
        if len(committed) != max(committed, default=0):
            raise WrongVerdictError(f"{process.source.stream.hex()} is forgotten, with its holes")
        return False
    highest = max(committed, default=0)
    missing = highest - len(committed)
    if (stream.seen.highest, stream.seen.missing()) != (highest, missing):
        raise WrongVerdictError(
            f"{process.source.stream.hex()}: the book misses {stream.seen.missing()} of "
            f"{stream.seen.highest} numbers, of {highest} there are {missing} that did not come"
        )
    closings = sum(task.closing in committed for task in process.tasks if task.closing)
    if stream.settled_arrived != closings:
        raise WrongVerdictError(
            f"{process.source.stream.hex()}: {stream.settled_arrived} closings arrived, "
            f"says the book, and {closings} did"
        )
    return missing > 0


def _check_service(found: ServiceAudit, *, complete: bool) -> None:
    balanced = found.scheduled == found.settled + found.in_flight and not found.imbalances
    if not balanced or found.trusted is not complete:
        raise WrongVerdictError(f"{found.service}: {found}")

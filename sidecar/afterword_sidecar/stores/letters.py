"""What stores ask of a dead letter: its labels, whether late evidence may amend it. Pure."""

from msgspec.structs import replace

from afterword.names import OBSERVED
from afterword_sidecar.ledger.letters import with_texts
from afterword_sidecar.ledger.records import DeadLetter, SettledTask
from afterword_sidecar.stores.contract import DeadLetterQuery

Labels = tuple[str, str, str]
"""(service label, task label, outcome)."""


def labels_of(letter: DeadLetter) -> Labels:
    """What the letter is counted under."""
    series = letter.settled.opening.series
    return (series.service, series.task, letter.settled.verdict.outcome)


def error_of(settled: SettledTask) -> str:
    """The class of what the task failed with; empty where nothing was raised."""
    return settled.error_type or settled.exception_type


def amendable(letter: DeadLetter) -> bool:
    """True while its verdict is not the task's own closing, and it did not turn out to be wrong."""
    return letter.closed_at is None and letter.settled.verdict.basis != OBSERVED


def completed_by(letter: DeadLetter, earlier: DeadLetter | None) -> DeadLetter:
    """``letter`` with the texts of its earlier version, where there is one."""
    if earlier is None:
        return letter
    return replace(letter, settled=with_texts(letter.settled, earlier.settled))


def matches(query: DeadLetterQuery, letter: DeadLetter) -> bool:
    """True if ``letter`` meets every condition of ``query`` (its cursor and limit aside).

    Service and task are met by the true name and by the label it is counted under.
    """
    settled = letter.settled
    opening, verdict = settled.opening, settled.verdict
    return (
        query.service in ("", opening.source.service, opening.series.service)
        and query.task in ("", opening.task, opening.series.task)
        and query.outcome in ("", verdict.outcome)
        and query.reason in ("", verdict.reason)
        and query.error in ("", error_of(settled))
        and query.state in ("", "open" if letter.closed_at is None else "closed")
        and (query.since is None or verdict.at >= query.since)
        and (query.until is None or verdict.at < query.until)
    )

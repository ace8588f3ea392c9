"""From the ledger's audit to the API's answer. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from afterword_sidecar.ledger import audit as ledger
from afterword_sidecar.web import audit_shapes as shapes
from afterword_sidecar.web.api_views import moment

_NAMED_AT_MOST: Final = 10


class UnknownServiceError(Exception):
    """The book has never heard of the service that was asked for: nothing is trusted of it."""

    def __init__(self, service: str, known: Sequence[str]) -> None:
        named = ", ".join(known[:_NAMED_AT_MOST])
        more = f" and {len(known) - _NAMED_AT_MOST:,} more" if len(known) > _NAMED_AT_MOST else ""
        knows = f"it knows {named}{more}" if known else "nothing was ever told to it"
        super().__init__(f"this book has never heard of a service {service!r}; {knows}")


def answer(found: ledger.Audit, service: str = "") -> shapes.Audit:
    """The answer; of one ``service`` only, where one is named. Raises ``UnknownServiceError``."""
    chosen = [each for each in found.services if service in ("", each.service)]
    if service and not chosen:
        raise UnknownServiceError(service, [each.service for each in found.services])
    return shapes.Audit(
        at=moment(found.at),
        trusted=all(each.trusted for each in chosen),
        services=[_service(each) for each in chosen],
    )


def _service(found: ledger.ServiceAudit) -> shapes.ServiceAudit:
    return shapes.ServiceAudit(
        service=found.service,
        trusted=found.trusted,
        balanced=not found.imbalances,
        since=moment(found.since) if found.since else None,
        scheduled=found.scheduled,
        settled=found.settled,
        in_flight=found.in_flight,
        streams_live=found.streams_live,
        streams_ended=found.streams_ended,
        streams_silent=found.streams_silent,
        silent_since=moment(found.silent_since) if found.silent_since else None,
        missing=found.missing,
        lost=found.lost,
        recovered=found.recovered,
        rejected=found.rejected,
        unbalanced=[
            shapes.UnbalancedSeries(*each.labels[1:], each.difference) for each in found.imbalances
        ],
        streams_at_fault=[_stream(each) for each in found.faults],
        streams_left_off=found.faults_left_off,
    )


def _stream(fault: ledger.StreamFault) -> shapes.StreamAtFault:
    return shapes.StreamAtFault(
        stream=fault.stream.hex(),
        instance=fault.instance or None,
        state=fault.state,  # type: ignore[arg-type] # one of the three, by construction
        why=list(_why(fault)),
        since=moment(fault.since) if fault.since else None,
        last_heard_at=moment(fault.last_heard_at),
        highest=fault.highest,
        missing=fault.missing,
        given_up=fault.given_up,
        ranges=[shapes.SequenceRange(*each) for each in fault.ranges],
        range_count=fault.range_count,
        scheduled_reported=fault.scheduled_reported,
        scheduled_arrived=fault.scheduled_arrived,
        settled_reported=fault.settled_reported,
        settled_arrived=fault.settled_arrived,
        closings_lost=fault.closings_lost,
        open_tasks=fault.open_tasks,
    )


def _why(fault: ledger.StreamFault) -> Iterator[str]:
    if fault.missing > fault.given_up:
        yield f"{_records(fault.missing - fault.given_up)} missing"
    if fault.given_up:
        yield f"{_records(fault.given_up)} lost"
    openings = fault.scheduled_reported - fault.scheduled_arrived
    if openings > 0:
        told = "task was" if openings == 1 else "tasks were"
        yield f"{openings} {told} handed over of which nothing has come"
    endings = max(fault.settled_reported - fault.settled_arrived, fault.closings_lost)
    if endings > 0:
        told = "task ended and its end has" if endings == 1 else "tasks ended and their ends have"
        yield f"{endings} {told} not come"
    if fault.untold:
        yield "its spool had room for none of its records: whose it is, only they would say"
    if fault.state == ledger.GONE:
        yield "its spool is gone: what lay unread in it is lost"


def _records(number: int) -> str:
    return "1 record is" if number == 1 else f"{number} records are"

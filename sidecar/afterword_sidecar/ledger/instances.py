"""What a stream's word about itself makes of its state: up, beat, down; totals and lease. Pure."""

from msgspec.structs import replace

from afterword import names
from afterword_sidecar.ledger.facts import Instance
from afterword_sidecar.ledger.records import StreamState


def after(state: StreamState, fact: Instance, now: float) -> StreamState:
    """The state once ``fact`` is known.

    Totals only grow. All else is as the latest word says, by its number: one that was overtaken on
    the way takes no goodbye back.
    """
    greatest = fact.settled_total > state.settled_reported
    state = replace(
        state,
        settled_reported=max(state.settled_reported, fact.settled_total),
        reported_sequence=fact.sequence if greatest else state.reported_sequence,
        scheduled_reported=max(state.scheduled_reported, fact.scheduled_total),
    )
    if fact.sequence < state.instance_sequence:
        return state
    lease_seconds = state.lease_seconds if fact.lease_seconds is None else fact.lease_seconds
    down = fact.state == names.INSTANCE_DOWN
    vouches = lease_seconds > 0 and not down
    return replace(
        state,
        instance_sequence=fact.sequence,
        lease_seconds=lease_seconds,
        lease_until=state.last_heard_at + lease_seconds if lease_seconds else 0.0,
        vouched_at=now if vouches else state.vouched_at,
        down_at=now if down else 0.0,
        down_sequence=fact.sequence if down else 0,
    )

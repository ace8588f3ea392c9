"""A book taken up again from what a store has kept of it."""

from msgspec.structs import replace

from afterword_sidecar.ledger import totals
from afterword_sidecar.ledger.bookkeeping import Bookkeeper
from afterword_sidecar.ledger.records import OpenTask, Saved, StreamState
from afterword_sidecar.ledger.registry import Registry


def restore(saved: Saved, keeper: Bookkeeper, registry: Registry, now: float) -> None:
    """Put what was ``saved`` into an empty book; timers are set as of ``now``, Unix seconds."""
    keeper.totals.restore(saved.totals)
    for total in saved.totals:
        if total.metric == totals.SCHEDULED:
            series = keeper.labels.keep(*total.labels)
            keeper.totals.account(series, total.created)
    registry.retired = dict.fromkeys(saved.retired)
    for state in saved.streams:
        stream = registry.add(state)
        for settled in state.spanned:
            keeper.take_up(stream, settled, now)
    for settled in saved.amendable:
        owner = registry.streams.get(settled.key[0])
        if owner is not None:
            keeper.take_up(owner, settled, now)
    for task in saved.open_tasks:
        _open(task, keeper, registry, now)
    for stream in registry.streams.values():
        registry.watch(stream, now)


def _open(task: OpenTask, keeper: Bookkeeper, registry: Registry, now: float) -> None:
    # Should the store have lost its stream, the task itself says enough to go on.
    state = StreamState(task.source.bare, highest=task.sequence, last_heard_at=now)
    stream = registry.streams.get(task.source.stream) or registry.add(state)
    series = keeper.labels.keep(*task.series.labels)
    keeper.totals.account(series, now).in_flight += 1
    keeper.keep(stream, replace(task, series=series), now)
    if task.invocation:
        stream.by_invocation.setdefault(task.invocation, set()).add(task.sequence)
    if task.notes.invocation_over_sequence and not task.started_sequence:
        stream.held_back.add(task.sequence)

"""A small book whose journal has every kind of record that matters."""

from pathlib import Path

import pytest

from afterword_sidecar.ledger.facts import Instance, InvocationEnded, Pending, Rollup, Source
from worlds.desk import START, closing, opening, start
from worlds.journals import JournaledDesk

REMOTE = Source(stream=b"R" * 16, service="remote")
LEASED = Source(stream=b"L" * 16, service="leased")
HOLED = Source(stream=b"H" * 16, service="holed")


@pytest.fixture
def desk(tmp_path: Path) -> JournaledDesk:
    """Tasks by spool that end, fail, stop and die with their process; by HTTP that fall silent."""
    desk = JournaledDesk(tmp_path / "journal")
    desk.tell(Instance(1, START, "up"), opening(2), start(3, 2), closing(4, 2))
    desk.tell(opening(5), closing(6, 5, "failed", "exception"))
    desk.tell(opening(7), opening(8, deadline=START + 40, guard_lead_seconds=0.5), opening(9))
    desk.tell(Pending(10, 9, START + 6, "shutdown"))
    desk.tell(opening(11, invocation="i"), InvocationEnded(12, START + 7, "i", 1, 0))
    desk.tell(Rollup(13, START + 7, "ping", "completed", "completed", 2, ((14, 17),)))
    desk.tell(opening(1, deadline=START + 20), opening(2), source=REMOTE, same_clock=False)
    desk.tell(
        Instance(1, START + 5, "up", lease_seconds=15.0),
        opening(2, at=START + 5),
        source=LEASED,
        same_clock=False,
    )
    desk.tell(opening(1), source=HOLED)
    desk.tell(Instance(9, START + 6, "beat", settled_total=3), source=HOLED)
    for _ in range(8):
        desk.pass_time(10.0)
    desk.tell(closing(3, 1, at=START + 90), source=REMOTE, same_clock=False)
    desk.die()
    desk.die(HOLED)
    desk.pass_time(4000.0)
    desk.pass_time(4000.0)
    return desk

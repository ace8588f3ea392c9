"""All rows, by family, in the order of the table."""

from collections.abc import Mapping
from typing import Final

from worlds.faults.fault import Fault
from worlds.faults.rows import (
    clocks,
    crowds,
    disks,
    freezing,
    network,
    processes,
    servers_gunicorn,
    servers_hypercorn,
    servers_uvicorn,
    servers_uwsgi,
    shapes,
    sidecars,
    vercel,
    vercel_deadlines,
)

ON_VERCEL: Final = "Vercel"
"""The family that needs Vercel's runtime, and so an environment of its own."""

ON_SERVERS: Final = ("uvicorn", "gunicorn", "hypercorn", "uWSGI")
FAMILIES: Final[Mapping[str, tuple[Fault, ...]]] = {
    "processes": processes.ROWS,
    "shapes": shapes.ROWS,
    "freezing": freezing.ROWS,
    "network": network.ROWS,
    "sidecars": sidecars.ROWS,
    "clocks": clocks.ROWS,
    "disks": disks.ROWS,
    "crowds": crowds.ROWS,
    "uvicorn": servers_uvicorn.ROWS,
    "gunicorn": servers_gunicorn.ROWS,
    "hypercorn": servers_hypercorn.ROWS,
    "uWSGI": servers_uwsgi.ROWS,
    ON_VERCEL: (*vercel_deadlines.ROWS, *vercel.ROWS),
}

FAULTS: Final = tuple(fault for family in FAMILIES.values() for fault in family)

"""All rows, in the order of the table."""

from typing import Final

from worlds.faults.fault import Fault
from worlds.faults.rows import freezing, processes, shapes

FAULTS: Final[tuple[Fault, ...]] = (
    *processes.ROWS,
    *shapes.ROWS,
    *freezing.ROWS,
)

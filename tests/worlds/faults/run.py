"""One row, one way of delivery: from an empty folder to a judgement."""

import tempfile
import zlib
from pathlib import Path

from worlds.faults.fault import Delivery, Fault
from worlds.faults.judge import Judgement
from worlds.faults.world import World


def run(fault: Fault, delivery: Delivery, *, tasks: int, seed: int) -> Judgement:
    """Run it in a folder of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="afterword-faults-") as folder:
        own_seed = zlib.crc32(f"{seed}/{fault.name}/{delivery}".encode())
        with World(Path(folder), delivery, tasks, own_seed) as world:
            return world.judge(fault.run(world))

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from worlds.spool import SpoolWorld


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SpoolWorld]:
    """A spool directory and its processes; the test starts the sidecar."""
    # Files are stamped with the kernel's clock: the world's begins there, and moves by hand.
    world = SpoolWorld(tmp_path, time.time())
    yield world
    for process in world.processes:
        process.cleanup()
    if hasattr(world, "service"):
        await world.stop()

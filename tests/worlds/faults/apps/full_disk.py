"""The plain program where there is no small disk: writes to its spool fail as on a full one."""

import asyncio
import errno
import os
from pathlib import Path

from worlds.faults.apps.plain import main
from worlds.faults.full_disk import BALLAST


def pretend(spool: Path) -> None:
    """While the ballast lies beside the spool, there is no room in it."""
    write, ballast = os.write, spool.parent / BALLAST

    def full(descriptor: int, data: bytes) -> int:
        if ballast.exists() and Path(f"/proc/self/fd/{descriptor}").readlink().parent == spool:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    os.write = full  # type: ignore[assignment] # bytes are all that is written


if __name__ == "__main__":
    pretend(Path(os.environ["AFTERWORD_SPOOL"]))
    asyncio.run(main())

"""Programs of Debian packages that tests run for real: Prometheus, promtool, nginx, Chromium.

``.ci/packages`` fetches them; a test that uses one is marked ``debian``.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

UNPACKED: Final = Path(__file__).parents[2] / ".debian" / "usr"


def program(name: str) -> Path:
    """Where a program is, such as ``promtool``, ``prometheus-alertmanager`` or ``chromium``.

    Raises:
        LookupError: it is not there; run ``.ci/packages``.
    """
    unpacked = (str(UNPACKED / "bin"), str(UNPACKED / "sbin"))
    found = shutil.which(
        name, path=os.pathsep.join((*unpacked, os.environ.get("PATH", ""), "/usr/sbin"))
    )
    if found is None:
        raise LookupError(f"find program {name}: not on the path; run .ci/packages")
    return Path(found)


def promtool(*arguments: str) -> str:
    """What it says.

    Raises:
        AssertionError: it finds something wrong; with what it says.
    """
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

"""Programs of Debian packages that tests run for real: Prometheus, promtool, Chromium.

``.ci/packages`` fetches them; a test that uses one is marked ``debian``.
"""

import os
import shutil
from pathlib import Path
from typing import Final

UNPACKED: Final = Path(__file__).parents[2] / ".debian" / "usr" / "bin"


def program(name: str) -> Path:
    """Where a program is, such as ``promtool``, ``prometheus-alertmanager`` or ``chromium``.

    Raises:
        LookupError: it is not there; run ``.ci/packages``.
    """
    found = shutil.which(name, path=f"{UNPACKED}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise LookupError(f"find program {name}: not on the path; run .ci/packages")
    return Path(found)

"""docs/platforms/vercel.md: its quick start, as it stands there."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "platforms" / "vercel.md"


def test_its_lines_run_and_watch_what_was_imported_before() -> None:
    """Without a word; and the function that the page imports is then watched."""
    found = re.search(r"(?s)## Quick start\n.*?```python\n(.*?)```", PAGE.read_text())
    assert found is not None
    told = (
        "async def work(): ...\n"
        "afterword.configure(endpoint='http://127.0.0.1:9')\n"
        "import logging; logging.basicConfig(level='WARNING')\n"
        "wait_until(work())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", found[1] + told],
        capture_output=True,
        text=True,
        check=False,
        env={"AFTERWORD_EXIT_TIMEOUT_SECONDS": "0"},
    )
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    assert "(no_context)" in run.stderr

"""Evidence of the test's own process, in a spool directory of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import afterword
from worlds.evidence import Evidence, recorded


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Evidence]:
    """What is told while the test runs; nothing is instrumented any more after it."""
    with recorded(tmp_path / "spool") as told:
        yield told
        afterword.uninstrument()

"""The reference pages tell every metric and every command, and no other."""

import re
from pathlib import Path
from typing import Final

import pytest

from afterword_sidecar.settings.table import SETTINGS
from worlds.reference import DOCS, TABLES, written_anew


@pytest.mark.parametrize("page", sorted(TABLES))
def test_a_page_says_what_the_code_has(page: str) -> None:
    """``python -m worlds.reference`` would change nothing."""
    assert written_anew(page) == (DOCS / page).read_text()


REPOSITORY: Final = DOCS.parent
DOCUMENTS: Final = (
    *(REPOSITORY.glob("*.md")),
    *(DOCS.rglob("*.md")),
    *((REPOSITORY / "examples").rglob("*.md")),
    *((REPOSITORY / "dashboards").rglob("*.md")),
)


def _anchors(document: Path) -> set[str]:
    """Those that a heading makes, as GitHub spells them."""
    headings = re.findall(r"(?m)^#+ (.+)$", document.read_text())
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_links_lead_somewhere() -> None:
    """Every relative link of every document: the file is there, and the heading in it."""
    dead = []
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            if ":" in path:
                continue
            if not target.exists() or (anchor and anchor not in _anchors(target)):
                dead.append(f"{document.relative_to(REPOSITORY)}: {link}")
    assert dead == []


def test_the_unit_for_systemd_gives_settings_that_there_are() -> None:
    """Every flag and every variable of it, and time enough to stop."""
    unit = (DOCS / "operations.md").read_text().partition("```ini\n")[2].partition("```")[0]
    flags = {setting.flag for setting in SETTINGS}
    variables = {setting.variable for setting in SETTINGS}
    assert set(re.findall(r"--[a-z-]+", unit)) == {"--database"} <= flags
    assert set(re.findall(r"AFTERWORD_\w+", unit)) == {"AFTERWORD_SPOOL"} <= variables
    stop = next(setting.default for setting in SETTINGS if setting.flag == "--stop")
    assert int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) > int(stop.removesuffix("s"))

"""The page on faults has every row as it is run."""

import re

from worlds.faults.document import PAGE, rewritten
from worlds.faults.registry import FAMILIES, FAULTS


def test_the_page_has_the_rows_as_the_code_has_them() -> None:
    """A row that is added or changed is documented: ``python -m worlds.faults.document``."""
    page = PAGE.read_text()
    assert page == rewritten(page)
    assert all(each.name in page for each in FAULTS)


def test_rows_are_told_apart_by_their_names() -> None:
    """Names are unique, as a seed is replayed by them; and no family is empty."""
    assert len({each.name for each in FAULTS}) == len(FAULTS)
    assert all(FAMILIES.values())


def test_every_way_that_the_page_calls_produced_has_a_row() -> None:
    """Ways in which deferred work is lost: those without a row are told as such."""
    produced = set(
        map(int, re.findall(r"^\| ([0-9]+) \|.*\| produced \|$", PAGE.read_text(), re.MULTILINE))
    )
    assert produced == {way for each in FAULTS for way in each.modes}
    assert len(produced) == 17

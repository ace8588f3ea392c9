"""``docs/testing.md`` says what is so: its examples are run, its output is what they print."""

import re
from pathlib import Path
from typing import Final

import pytest

from worlds.nested_pytest import Nested

pytest_plugins = ("pytester",)

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


def words(line: str) -> str:
    return " ".join(line.split())


def test_the_examples_do_what_is_said(pytester: pytest.Pytester) -> None:
    """All of its code together: one test fails as shown, the others pass, the tables are these."""
    files: dict[str, str] = {}
    for block in blocks("python"):
        first, _, code = block.partition("\n")
        name = first.removeprefix("# ").removesuffix(".py")
        files[name] = files.get(name, "") + code + "\n"
    assert set(files) == {"shop", "test_shop", "test_app"}
    pytester.makepyfile(**files)
    run = Nested(pytester, "--afterword-kill-at-every-await")
    failing = [name for name, said in run.failures.items() if said]
    assert failing == ["test_an_order_survives_a_crash"], run.output
    assert len(run.failures) == 4
    shown = [words(line) for block in blocks("text") for line in block.splitlines()]
    assert shown
    assert [line for line in shown if line not in map(words, run.summary)] == []

"""pytest run by pytest, on modules of a test's own, in a process and a directory of its own."""

import xml.etree.ElementTree as ET

import pytest

_INI = """
[pytest]
addopts = --strict-markers --strict-config -p no:cacheprovider
filterwarnings = error
asyncio_mode = {mode}
asyncio_default_fixture_loop_scope = function
junit_family = xunit2
"""


class Nested:
    """One such run, over."""

    def __init__(self, pytester: pytest.Pytester, *options: str, mode: str = "auto") -> None:
        """Run what was made in the directory. ``mode`` is pytest-asyncio's."""
        pytester.makefile(".ini", pytest=_INI.format(mode=mode))
        result = pytester.runpytest_subprocess("--junitxml=report.xml", *options)
        self.status = int(result.ret)
        self.output = result.stdout.str()
        tree = ET.parse(pytester.path / "report.xml")
        self.failures: dict[str, str] = {}
        """What failing tests said, by name; tests that passed have an empty message."""
        for case in tree.iter("testcase"):
            bad = [case.find(kind) for kind in ("failure", "error", "skipped")]
            said = [each.text or each.get("message") or "" for each in bad if each is not None]
            name = str(case.get("name"))
            self.failures[name] = self.failures.get(name, "") + "".join(map(str, said))

    @property
    def summary(self) -> list[str]:
        """The lines of our section of the summary, without the spaces around them."""
        _, _, after = self.output.partition("afterword: killed at every await =")
        lines = [line.strip() for line in after.splitlines()[1:]]
        end = next((n for n, line in enumerate(lines) if line.startswith("===")), len(lines))
        return lines[:end]

    def table_of(self, test: str) -> list[list[str]]:
        """The rows below a test's headline, cell by cell; remarks are rows of one cell."""
        start = next(n for n, line in enumerate(self.summary) if f"::{test}: " in line)
        rows = []
        for line in self.summary[start + 2 :]:
            if "::" in line.partition(" ")[0]:
                break
            rows.append([cell.strip() for cell in line.split("  ") if cell.strip()])
        return rows

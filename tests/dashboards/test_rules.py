"""Rules under promtool: their syntax, and each alert firing and silent."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from worlds.dashboards import FOLDER, RULE_FILES, expanded, rules, targets
from worlds.programs import promtool

pytestmark = pytest.mark.debian
_TESTS: Final = sorted((FOLDER / "rules" / "tests").glob("*.yaml"))


def test_rules_are_well_formed() -> None:
    """`promtool check rules`."""
    assert promtool("check", "rules", *map(str, RULE_FILES)).count("SUCCESS") == 2


def test_queries_of_panels_are_well_formed(tmp_path: Path) -> None:
    """Each one as a recording rule, through the same check."""
    recorded = [
        {"record": f"panel:{number}", "expr": expanded(target.expression)}
        for number, target in enumerate(targets())
    ]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in promtool("check", "rules", str(path))


@pytest.mark.parametrize("path", _TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_keep_silent(path: Path) -> None:
    """`promtool test rules`: sparse and dense traffic, restarts and outages."""
    assert "SUCCESS" in promtool("test", "rules", str(path))


def test_each_alert_is_tested_both_firing_and_silent() -> None:
    """No alert is without its tests."""
    firing: set[str] = set()
    silent: set[str] = set()
    for test in (test for path in _TESTS for test in yaml.safe_load(path.read_text())["tests"]):
        for case in test.get("alert_rule_test", []):
            (firing if case["exp_alerts"] else silent).add(case["alertname"])
        for case in test.get("promql_expr_test", []):
            named = re.search(r'ALERTS\{alertname="(\w+)"', case["expr"])
            if named:
                (firing if case["exp_samples"] else silent).add(named[1])
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert alerts == firing == silent

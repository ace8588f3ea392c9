"""What is checked in is what the code makes, and names only what exists."""

import re
from pathlib import Path
from typing import Final

import pytest

from afterword_sidecar.ledger.limits import Limits
from dashboards.mixin.config import CONFIG
from dashboards.mixin.generated import files
from dashboards.mixin.promql import seconds
from worlds.dashboards import FOLDER, dashboards, metrics, rules, targets
from worlds.reference import exported_families

_RUNBOOKS: Final = Path(__file__).parents[2] / "docs" / "runbooks.md"
# Prometheus's own, about every target, and the client library's, about every process.
_NOT_OURS: Final = {
    "up",
    "scrape_duration_seconds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
}
_SUFFIXES: Final = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "gauge": ("",),
    "info": ("_info",),
}


def _named() -> set[str]:
    """Every metric that a panel, a variable, an annotation or a rule reads."""
    asked = [target.expression for target in targets()]
    asked += [rule["expr"] for rule in rules()]
    for board in dashboards():
        asked += [str(variable.get("query", "")) for variable in board["templating"]["list"]]
        asked += [note.get("expr", "") for note in board["annotations"]["list"]]
    return {name for expression in asked for name in metrics(expression)}


@pytest.mark.parametrize("name", files())
def test_what_is_checked_in_is_up_to_date(name: str) -> None:
    """`make dashboards` would change nothing."""
    assert (FOLDER / name).read_text(encoding="utf-8") == files()[name]


def test_every_metric_that_is_read_exists() -> None:
    """In the sidecar's code, among the recording rules, or with every target."""
    samples = {
        family.name + suffix for family in exported_families() for suffix in _SUFFIXES[family.type]
    }
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert _named() - samples - recorded - _NOT_OURS == set()


def test_every_metric_that_exists_is_read() -> None:
    """A metric that no panel and no rule reads is one that nobody will look at."""
    named = _named()
    unread = [
        family.name
        for family in exported_families()
        if not {family.name + suffix for suffix in _SUFFIXES[family.type]} & named
    ]
    assert unread == []


def test_every_recorded_series_is_used() -> None:
    """By an alert, a panel or another recording rule."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert recorded - _named() == set()


def test_alerts_keep_the_habits_of_mixins() -> None:
    """CamelCase with one prefix, a severity, a constant summary, a templated description."""
    alerts = [rule for rule in rules() if "alert" in rule]
    summaries: dict[str, set[str]] = {}
    for alert in alerts:
        assert re.fullmatch(r"Afterword([A-Z][a-z]+)+", alert["alert"])
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert "$value" not in str(alert["labels"])
        assert "{{" not in alert["annotations"]["summary"]
        assert "{{" in alert["annotations"]["description"]
        assert "topk" not in alert["expr"]
        assert re.search(r" (>|>=|==|<) |^absent\(", alert["expr"])
        summaries.setdefault(alert["alert"], set()).add(alert["annotations"]["summary"])
    assert all(len(found) == 1 for found in summaries.values())


def test_a_hole_is_told_before_it_is_given_up() -> None:
    """A single incident fires the alert on missing evidence, and leaves time to look at it."""
    assert 2 * seconds(CONFIG.holes_lasting) <= Limits().hole_patience_seconds


def test_every_alert_has_its_section_in_the_runbooks() -> None:
    """And every section says what it means, how to see it and what to do."""
    text = _RUNBOOKS.read_text(encoding="utf-8")
    parts = re.split(r"^## (Afterword\w+)$", text, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    alerts = [rule for rule in rules() if "alert" in rule]
    assert {alert["alert"] for alert in alerts} == set(sections)
    for alert in alerts:
        expected = f"{CONFIG.runbooks}#{alert['alert'].lower()}"
        assert alert["annotations"]["runbook_url"] == expected
    for name, section in sections.items():
        for heading in ("**What it means.**", "**How to see it.**", "**What to do.**"):
            assert heading in section, name

"""The rules of Grafana's dashboard-linter, as one short test each, and stricter where it has gaps.

It does not look at heatmaps, and its counter rule reads the end of a printed selector, so that any
selector with labels escapes it. Here neither escapes. Source: grafana/dashboard-linter, lint/*.go.
"""

import re
from typing import Any, Final

import pytest
import yaml

from worlds.dashboards import FOLDER, Target, dashboards, panels, selectors, targets

_BOARDS: Final = dashboards()
_TARGETS: Final = targets()
_UNITS: Final = {"none", "short", "percent", "percentunit", "s", "bytes", "cps", "ops", "reqps"}
_EXCLUSIONS: Final = yaml.safe_load((FOLDER / ".lint").read_text(encoding="utf-8"))["exclusions"]

board = pytest.mark.parametrize("board", _BOARDS, ids=lambda board: board["uid"])


def _broken(rule: str, found: list[Target]) -> list[str]:
    """What breaks a rule and is not excluded. An exclusion that nothing needs is an error."""
    entries = _EXCLUSIONS.get(rule, {}).get("entries", [])
    excluded = {(entry["dashboard"], entry["panel"]) for entry in entries}
    assert excluded <= {target.where for target in found}, f"{rule}: an exclusion is not needed"
    return [str(target) for target in found if target.where not in excluded]


def _variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


@board
def test_one_data_source_variable_called_as_everywhere(board: dict[str, Any]) -> None:
    """template-datasource-rule."""
    of_data = [found for found in board["templating"]["list"] if found["type"] == "datasource"]
    assert [(v["name"], v["label"], v["query"]) for v in of_data] == [
        ("datasource", "Data source", "prometheus")
    ]


@board
@pytest.mark.parametrize("name", ["job", "instance"])
def test_job_and_instance_are_variables_of_many_values(board: dict[str, Any], name: str) -> None:
    """template-job-rule, template-instance-rule."""
    variable = _variables(board)[name]
    assert variable["type"] == "query"
    assert variable["label"] == name.title()
    assert variable["datasource"]["uid"] == "$datasource"
    assert variable["multi"]
    assert variable["allValue"] == ".+"


@board
def test_variables_ask_for_labels_and_are_asked_for_again(board: dict[str, Any]) -> None:
    """template-label-promql-rule, template-on-time-change-reload-rule."""
    asked = [found for found in board["templating"]["list"] if found["type"] == "query"]
    assert len(asked) >= 2
    for variable in asked:
        assert re.fullmatch(r"label_values\(\w+(\{.*\})?, \w+\)", variable["query"])
        assert variable["refresh"] == 2


@board
def test_nobody_edits_what_is_generated(board: dict[str, Any]) -> None:
    """uneditable-dashboard; and every panel has a number of its own."""
    assert board["editable"] is False
    numbers = [panel["id"] for panel in board["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))


@board
def test_every_panel_says_what_it_is(board: dict[str, Any]) -> None:
    """panel-title-description-, panel-units-, panel-datasource- and panel-no-targets-rule."""
    for panel in panels(board):
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] == "$datasource", panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "$datasource", panel["title"]


@board
def test_names_in_links_are_encoded(board: dict[str, Any]) -> None:
    """Services and tasks are called as their authors like, with spaces, ``&`` and ``#`` too."""
    for panel in panels(board):
        for link in panel["fieldConfig"]["defaults"].get("links", []):
            named = set(re.findall(r"\$\{([^}]+)\}", link["url"])) - {"page"}
            assert all(name.endswith((":percentencode", ":queryparam")) for name in named), link


@board
def test_a_number_has_a_colour_and_a_heatmap_reads_buckets(board: dict[str, Any]) -> None:
    """Beyond the linter: thresholds that mean something, and heatmaps of a histogram's buckets."""
    for panel in panels(board):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        if panel["type"] == "stat":
            assert steps, panel["title"]
            assert steps[0]["value"] is None, panel["title"]
        if panel["type"] == "heatmap":
            (target,) = panel["targets"]
            assert target["format"] == "heatmap", panel["title"]
            assert target["expr"].startswith("sum by (le) (rate("), panel["title"]


def test_rates_are_over_the_rate_interval() -> None:
    """target-rate-interval-rule."""
    found = [
        target
        for target in _TARGETS
        for chosen in selectors(target.expression)
        if chosen.function in {"rate", "irate"} and chosen.range != "[$__rate_interval]"
    ]
    assert _broken("target-rate-interval-rule", found) == []


@pytest.mark.parametrize("label", ["job", "instance"])
def test_every_selector_chooses_job_and_instance(label: str) -> None:
    """target-job-rule, target-instance-rule."""
    found = [
        target
        for target in _TARGETS
        for chosen in selectors(target.expression)
        if f'{label}=~"${label}"' not in chosen.matchers
    ]
    assert _broken(f"target-{label}-rule", found) == []


def test_counters_are_only_read_as_rates_or_growth() -> None:
    """target-counter-agg-rule, for selectors with labels too, and for buckets.

    A growth is the last value less an earlier one, what ``increase`` is but for the first.
    """
    counters = re.compile(r"_(total|bucket|sum|count)$")
    rates, grows = {"rate", "irate", "increase"}, {"last_over_time", "min_over_time"}
    found = [
        target
        for target in _TARGETS
        for chosen in selectors(target.expression)
        if counters.search(chosen.metric)
        and chosen.function not in (rates | grows if " offset " in target.expression else rates)
    ]
    assert _broken("target-counter-agg-rule", found) == []


def test_exclusions_have_reasons_and_are_of_rules_that_are_tested() -> None:
    """What is excluded says why."""
    assert set(_EXCLUSIONS) == {"target-instance-rule", "target-counter-agg-rule"}
    assert all(exclusion["reason"] for exclusion in _EXCLUSIONS.values())

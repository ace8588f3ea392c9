"""What panels count, under promtool: the checked-in queries over series that begin with losses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from worlds.dashboards import dashboards, expanded, panels
from worlds.programs import promtool

pytestmark = pytest.mark.debian

_BASIS: Final = {"dropped": "proven"}


def _panel(title: str) -> list[str]:
    """The queries of a panel of the Overview."""
    (board,) = [board for board in dashboards() if board["uid"] == "afterword-overview"]
    (panel,) = [panel for panel in panels(board) if panel["title"] == title]
    return [target["expr"] for target in panel["targets"]]


def _labels(given: Mapping[str, str]) -> str:
    always = {"job": "afterword", "instance": "a", "service_name": "shop"}
    return ", ".join(f'{name}="{value}"' for name, value in {**always, **given}.items())


def _settled(task: str, pair: str, values: str, born: int) -> list[dict[str, str]]:
    """The two series of a pair ``outcome/reason``, from their first scrape on."""
    outcome, reason = pair.split("/")
    basis = _BASIS.get(outcome, "observed")
    labels = _labels({"task": task, "outcome": outcome, "reason": reason, "basis": basis})
    made = " ".join(part if part[0] == "_" else f"{born}x400" for part in values.split()[:2])
    return [
        {"series": f"afterword_tasks_settled_total{{{labels}}}", "values": values},
        {"series": f"afterword_tasks_settled_created{{{labels}}}", "values": made},
    ]


def _amended(task: str, before: str, after: str, values: str, born: int) -> list[dict[str, str]]:
    names = ("from_outcome", "from_reason", "to_outcome", "to_reason")
    pairs = dict(zip(names, (*before.split("/"), *after.split("/")), strict=True))
    labels = _labels({"task": task, **pairs})
    return [
        {"series": f"afterword_tasks_amended_total{{{labels}}}", "values": values},
        {"series": f"afterword_tasks_amended_created{{{labels}}}", "values": f"{born}x400"},
    ]


def _asked(expression: str, minutes: int, expected: Mapping[str, float]) -> dict[str, Any]:
    """At that time, with twenty minutes shown and a bar for each."""
    intervals = {"$__interval": "1m", "$__range_s": "1200", "$__range": "20m"}
    samples = [{"labels": labels, "value": value} for labels, value in expected.items()]
    query = expanded(expression, intervals)
    return {"expr": query, "eval_time": f"{minutes}m", "exp_samples": samples}


def _check(folder: Path, series: list[dict[str, str]], asked: list[dict[str, Any]]) -> None:
    path = folder / "panels.yaml"
    test = {"interval": "15s", "input_series": series, "promql_expr_test": asked}
    path.write_text(yaml.safe_dump({"tests": [test]}))
    assert "SUCCESS" in promtool("test", "rules", str(path))


def test_what_was_lost_before_the_first_scrape_is_shown(tmp_path: Path) -> None:
    """10 of 105 are dropped: in the share completed, in a bar; and no longer in a later range."""
    series = [
        *_settled("pay", "completed/completed", "_x10 90x20 95x400", born=140),
        *_settled("pay", "dropped/instance_lost", "_x10 10x400", born=140),
    ]
    (share,), (bars,) = _panel("Completed"), _panel("Dropped, by reason")
    asked = [
        _asked(share, 15, {"{}": 95 / 105}),
        _asked(share, 26, {"{}": 1.0}),
        _asked(share, 60, {}),
        _asked(bars, 3, {'{reason="instance_lost"}': 10.0}),
        _asked(bars, 4, {}),
    ]
    _check(tmp_path, series, asked)


def test_an_old_book_in_a_new_prometheus_is_no_news(tmp_path: Path) -> None:
    """Only what it counts since; and what a sidecar counted that has ended since is still shown."""
    series = [
        *_settled("pay", "completed/completed", "_x10 900x20 903x40 stale", born=-86400),
        *_settled("pay", "dropped/instance_lost", "_x10 10x20 11x40 stale", born=-86400),
    ]
    (share,), (bars,) = _panel("Completed"), _panel("Dropped, by reason")
    asked = [
        _asked(share, 5, {}),
        _asked(share, 15, {"{}": 0.75}),
        _asked(share, 20, {"{}": 0.75}),
        _asked(bars, 3, {}),
        _asked(bars, 8, {'{reason="instance_lost"}': 1.0}),
    ]
    _check(tmp_path, series, asked)


def test_the_worst_tasks_are_twenty_and_the_same_in_every_column(tmp_path: Path) -> None:
    """Lost is all but what completed or the application cancelled; amendments are taken back."""
    series: list[dict[str, str]] = []
    for number in range(1, 26):
        series += _settled(f"t{number:02}", "failed/exception", f"_x4 {number}x400", born=50)
        series += _settled(f"t{number:02}", "completed/completed", "_x4 75x400", born=50)
    series += _settled("gone", "cancelled/disconnected", "_x4 30x400", born=50)
    series += _settled("dark", "unknown/evidence_lost", "_x4 40x400", born=50)
    series += _settled("own", "cancelled/cancelled", "_x4 99x400", born=50)
    series += _settled("late", "dropped/instance_lost", "_x4 50x400", born=50)
    series += _settled("late", "completed/completed", "_x4 0x10 50x400", born=50)
    back = ("dropped/instance_lost", "completed/completed")
    series += _amended("late", *back, "_x4 0x10 50x400", born=50)
    lost, completed, *others = _panel("Worst tasks")
    failed, gone, unknown = others[1], others[3], others[4]

    def of(task: str) -> str:
        return f'{{service_name="shop", task="{task}"}}'

    asked = [
        _asked(f"count({lost})", 15, {"{}": 20}),
        _asked(f"sum({lost})", 15, {"{}": 40 + 30 + sum(range(8, 26))}),
        _asked(gone, 15, {of("gone"): 30}),
        _asked(unknown, 15, {of("dark"): 40}),
        _asked(f"({failed}) < 9", 15, {of("t08"): 8}),
        _asked(f"({completed}) > 0.9", 15, {of("t08"): 75 / 83}),
        *(_asked(f"({each}) unless on (task) ({lost})", 15, {}) for each in (completed, *others)),
    ]
    _check(tmp_path, series, asked)

"""The real thing: Prometheus scrapes a sidecar that watches the demo's shop, and asks everything.

The rules run twice: as they are checked in, with Alertmanager; and made with all windows short, so
that what the long ones record is there within seconds.
"""

import math
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from dashboards.mixin.config import Burn, Config
from dashboards.mixin.recording import records
from dashboards.mixin.rule_files import alerting_rules, recording_rules
from dashboards.picture.asked import source
from dashboards.picture.page import page
from worlds.dashboards import RULE_FILES, dashboards, expanded, metrics, rules, targets
from worlds.programs import program
from worlds.prometheus import Alertmanager, Prometheus
from worlds.sidecar_process import until
from worlds.watched_shop import watched_shop

pytestmark = pytest.mark.debian

_QUICK: Final = Config(
    step="4s",
    period="20s",
    burns=(Burn("16s", "12s", 14.4, "critical", "0s"), Burn("16s", "8s", 6.0, "warning", "1h")),
    least_missed=1,
    timeouts_window="8s",
    timeouts_before="16s",
    budget_window="10s",
    letters_window="8s",
    evidence_window="8s",
)


_BURNING: Final = 'ALERTS{alertname="AfterwordErrorBudgetBurning", alertstate="firing"}'
_TOLD_LAST: Final = "rate(afterword_evidence_rejected_total[10s])"
_NOT_COMMITTING: Final = 'ALERTS{alertname="AfterwordSidecarNotCommitting"}'


@dataclass
class World:
    """What happened, and who saw it."""

    prometheus: Prometheus
    """With the quick rules."""
    as_checked_in: Prometheus
    alertmanager: Alertmanager
    lost: int
    """Tasks that died with their worker."""
    dropped_alerts: list[dict[str, Any]]
    """What Alertmanager held of them."""
    text: str
    """The sidecar's metrics in the text format."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One life of a shop, with all that can go wrong in it."""
    folder = tmp_path_factory.mktemp("prometheus")
    quick = [folder / "recording.yaml", folder / "alerts.yaml"]
    quick[0].write_text(recording_rules(_QUICK))
    quick[1].write_text(alerting_rules(_QUICK))
    with (
        watched_shop(folder / "shop") as shop,
        Alertmanager(folder / "alertmanager") as alertmanager,
        Prometheus(folder / "quick", shop.sidecar.operators, quick) as prometheus,
        Prometheus(
            folder / "checked-in", shop.sidecar.operators, RULE_FILES, alertmanager
        ) as as_checked_in,
    ):
        shop.open_for_business(prometheus)
        lost = shop.live_through()
        until(lambda: prometheus.value(_BURNING))
        dropped = until(lambda: alertmanager.alerts("AfterwordTaskDropped", "shop") or None)
        with shop.full_disk():
            until(lambda: prometheus.value("afterword_sidecar_store_failing == 1"))
            until(lambda: as_checked_in.value(_NOT_COMMITTING))
            until(
                lambda: prometheus.value("afterword_sidecar_spool_behind_since_timestamp_seconds")
            )
        until(lambda: prometheus.now("afterword_sidecar_store_failing == 0") or None)
        until(lambda: _all_recorded(prometheus) or None)
        until(lambda: prometheus.ever(_TOLD_LAST) or None)
        url = f"{shop.sidecar.operators}/metrics"
        text = httpx.get(url, headers={"Accept": "text/plain"}).text
        yield World(prometheus, as_checked_in, alertmanager, lost, dropped, text)


def _all_recorded(prometheus: Prometheus) -> bool:
    return all(prometheus.ever(record.record) for record in records(_QUICK))


def test_every_query_of_every_panel_returns_the_series_it_is_about(world: World) -> None:
    """Something at some time of the shop's life, with every label that its legend names."""
    empty, unnamed = [], []
    for target in targets():
        series = world.prometheus.ever(expanded(target.expression))
        named = set(re.findall(r"\{\{(\w+)\}\}", target.legend))
        if not series:
            empty.append((str(target), target.expression))
        if not all(named <= set(each["metric"]) for each in series):
            unnamed.append((str(target), target.legend))
    assert (empty, unnamed) == ([], [])


def test_the_picture_draws_every_panel(world: World) -> None:
    """The Overview without Grafana: its titles, its numbers, its lines, and a row for each task."""
    (board,) = [board for board in dashboards() if board["uid"] == "afterword-overview"]
    life_seconds = math.ceil(time.time() - world.prometheus.started_at)
    url = f"http://{world.prometheus.address}"
    html, height = page(board, source(url, max(120, life_seconds), "10s"))
    assert height > 1000
    for panel in board["panels"]:
        assert html.count(f"{panel['title']}<") >= 1
    assert "balanced" in html
    assert html.count("<polyline") >= 8
    assert html.count("<td>tell_warehouse</td>") == 1


def test_exemplars_lead_to_traces(world: World) -> None:
    """Where a panel shows exemplars there are some, with the trace id that Grafana links."""
    shown = [target for target in targets() if target.exemplars]
    assert shown
    for target in shown:
        found = world.prometheus.exemplars(expanded(target.expression))
        assert found, str(target)
        assert all(len(each["labels"]["trace_id"]) == 32 for each in found)


def test_every_rule_is_healthy(world: World) -> None:
    """As checked in and in short: nothing that Prometheus could not evaluate."""
    for prometheus in (world.prometheus, world.as_checked_in):
        found = prometheus.rules()
        assert len(found) > 20
        assert {(rule["health"], rule.get("lastError", "")) for rule in found} == {("ok", "")}
    assert len(world.as_checked_in.rules()) == len(rules())


def test_every_rule_reads_series_that_are_there(world: World) -> None:
    """Each metric that a rule names has been there, and each recording rule has recorded."""
    for rule in world.prometheus.rules():
        for metric in metrics(rule["query"]):
            assert world.prometheus.ever(metric), (rule["name"], metric)
        if rule["type"] == "recording":
            assert world.prometheus.ever(rule["name"]), rule["name"]


def test_no_recorded_ratio_is_ever_nan(world: World) -> None:
    """0/0 is not recorded: it would poison every window it lies in."""
    for series in world.prometheus.ever('{__name__=~"task:.*"}'):
        assert all(value != "NaN" for _, value in series["values"]), series["metric"]


def test_the_text_exposition_passes_promtool(world: World) -> None:
    """`promtool check metrics`, of a sidecar that has seen everything."""
    assert "afterword_tasks_amended_total{" in world.text
    done = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=world.text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_alertmanager_receives_the_alert_of_a_killed_task(world: World) -> None:
    """The demo kills workers with tasks pending: their loss is told, with where to read on."""
    (alert,) = world.dropped_alerts
    labels = alert["labels"]
    assert (labels["task"], labels["reason"]) == ("tell_warehouse", "instance_lost")
    assert labels["severity"] == "warning"
    assert alert["annotations"]["runbook_url"].endswith("#afterwordtaskdropped")
    counted = world.as_checked_in.ever(
        'reason:afterword_tasks_settled:increase5m{task="tell_warehouse", reason="instance_lost"}'
    )
    assert max(float(value) for _, value in counted[0]["values"]) == world.lost


def test_a_store_that_fails_and_a_budget_that_burns_are_told(world: World) -> None:
    """In short windows the shop's own losses are far beyond its objective."""
    (burning, *_) = world.prometheus.now(f"last_over_time({_BURNING}[1h])")
    assert burning["metric"]["severity"] == "critical"
    found = world.as_checked_in.now(f"last_over_time({_NOT_COMMITTING}[1h])")
    states = {each["metric"]["alertstate"] for each in found}
    assert "pending" in states  # it must last a minute to fire, as it may on a slow machine

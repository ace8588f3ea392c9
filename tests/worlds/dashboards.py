"""The dashboards and rules as they are checked in, taken apart."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "dashboards"
RULE_FILES: Final = sorted((FOLDER / "rules").glob("*.yaml"))

_STRINGS: Final = re.compile(r'"[^"]*"')
_SELECTOR: Final = re.compile(
    r"(?P<function>\w+\()?(?P<metric>\b(?:[a-z]+:)?(?:afterword|process|scrape)_[a-z_]+(?::\w+)?\b|\bup\b)"
    r"(?P<matchers>\{[^}]*\})?(?P<range>\[[^\]]*\])?"
)
_INTERVALS: Final = {
    "$__rate_interval": "10s",
    "$__interval": "10s",
    "$__range_s": "120",
    "$__range": "2m",
}


@dataclass(frozen=True)
class Selector:
    """One selector of an expression, and the function it is directly in, if any."""

    metric: str
    matchers: str
    range: str
    function: str


@dataclass(frozen=True)
class Target:
    """One query of a panel."""

    dashboard: str
    panel: dict[str, Any]
    expression: str
    legend: str
    exemplars: bool

    @property
    def where(self) -> tuple[str, str]:
        """Title of the dashboard and of the panel."""
        return self.dashboard, self.panel["title"]

    def __str__(self) -> str:
        return " / ".join(self.where)


def dashboards() -> list[dict[str, Any]]:
    """All of them."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that show something: no rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def targets() -> list[Target]:
    """All queries of all panels."""
    return [
        Target(
            dashboard["title"],
            panel,
            target["expr"],
            target.get("legendFormat", ""),
            target.get("exemplar", False),
        )
        for dashboard in dashboards()
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


def rules() -> list[dict[str, Any]]:
    """All rules, recording and alerting."""
    read = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULE_FILES]
    return [rule for file in read for group in file["groups"] for rule in group["rules"]]


def selectors(expression: str) -> Iterator[Selector]:
    """The selectors of an expression. Enough of PromQL's grammar for what we write."""
    for found in _SELECTOR.finditer(expression):
        yield Selector(
            found["metric"],
            found["matchers"] or "",
            found["range"] or "",
            (found["function"] or "").rstrip("("),
        )


def metrics(expression: str) -> set[str]:
    """The names of the metrics it reads, recorded ones too."""
    unquoted = _STRINGS.sub('""', expression)
    return {selector.metric for selector in selectors(unquoted)}


def expanded(expression: str, intervals: Mapping[str, str] = _INTERVALS) -> str:
    """As Grafana would send it, where everything is chosen: all its variables replaced."""
    for name, value in intervals.items():
        expression = expression.replace(name, value)
    for name in ("job", "instance", "service", "task"):
        expression = expression.replace(f"${name}", ".+")
    return expression

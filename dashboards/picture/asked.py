"""What a Prometheus answers to the queries of a panel."""

import json
import math
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

Labels = dict[str, str]


@dataclass(frozen=True)
class Line:
    """One series over the range shown."""

    name: str
    points: list[tuple[float, float]]
    """(Unix seconds, value)."""


@dataclass(frozen=True)
class Source:
    """A Prometheus, and the range to be shown."""

    url: str
    end: float
    seconds: int
    rate_interval: str

    @property
    def start(self) -> float:
        """Unix seconds."""
        return self.end - self.seconds

    def numbers(self, expression: str) -> list[tuple[Labels, float]]:
        """An instant query."""
        found = self._get("query", query=self._expanded(expression), time=self.end)
        samples = [(each["metric"], float(each["value"][1])) for each in found]
        return [(labels, value) for labels, value in samples if not math.isnan(value)]

    def lines(self, expression: str, legend: str, least_step: int = 1) -> list[Line]:
        """A range query of some 240 points, or as many as are ``least_step`` seconds apart."""
        step = max(least_step, self.seconds // 240)
        found = self._get(
            "query_range",
            query=self._expanded(expression.replace("$__interval", f"{step}s")),
            start=self.start,
            end=self.end,
            step=step,
        )
        return [Line(_named(legend, each["metric"]), _points(each["values"])) for each in found]

    def _expanded(self, expression: str) -> str:
        expression = expression.replace("$__rate_interval", self.rate_interval)
        expression = expression.replace("$__range_s", f"{self.seconds}")
        expression = expression.replace("$__range", f"{self.seconds}s")
        for variable in ("job", "instance", "service", "task"):
            expression = expression.replace(f'"${variable}"', '".+"')
        return expression

    def _get(self, path: str, **parameters: str | float) -> list[dict[str, Any]]:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=30) as response:
            found: list[dict[str, Any]] = json.load(response)["data"]["result"]
        return found


def source(url: str, seconds: int, rate_interval: str) -> Source:
    """The last ``seconds`` of a Prometheus."""
    return Source(url.rstrip("/"), time.time(), seconds, rate_interval)


def _named(legend: str, labels: Labels) -> str:
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return legend


def _points(values: list[tuple[float, str]]) -> list[tuple[float, float]]:
    points = [(at, float(value)) for at, value in values]
    return [(at, value) for at, value in points if math.isfinite(value)]

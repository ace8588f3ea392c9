"""Lines, stacked areas and stacked bars as SVG."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from dashboards.picture.asked import Line
from dashboards.picture.units import written

PALETTE: Final = (
    "#73BF69",
    "#F2CC0C",
    "#5794F2",
    "#FF9830",
    "#B877D9",
    "#F2495C",
    "#8AB8FF",
    "#96D98D",
)
_COLOURS: Final = {"green": "#73BF69", "red": "#F2495C", "blue": "#5794F2"}
_LEFT, _TOP, _RIGHT, _BOTTOM = 58, 8, 10, 22
_TICKS: Final = 4
_BAR: Final = 6
_MOMENTS: Final = 6


def chart(
    panel: dict[str, Any], lines: Sequence[Line], span: tuple[float, float], size: tuple[int, int]
) -> str:
    """The plot of a time series panel; its legend is not in it."""
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    steps = defaults.get("thresholds", {}).get("steps", [])
    dashed = [s for s in steps if s["value"] is not None and "thresholdsStyle" in custom]
    layers = _stacked(lines) if stacked else [(line, None) for line in lines]
    highest = max((value for line, _ in layers for _, value in line.points), default=0.0)
    wanted = [step["value"] for step in dashed if step["value"] <= 3 * highest]
    top = max([highest * 1.05, *wanted]) if highest else 1.0
    minutes = 60.0 if defaults["unit"] == "s" and top > 60 else 1.0  # noqa: PLR2004 - a minute
    top = minutes * _rounded_up(top / minutes)
    plot = _Plot(span, top, size)
    drawn = [plot.grid(defaults["unit"])]
    bars = custom.get("drawStyle") == "bars"
    for place, (line, below) in enumerate(layers):
        if bars:
            drawn.append(plot.bars(line, below, _nth(place)))
        else:
            drawn.append(plot.line(line, below, _nth(place), stacked=stacked))
    drawn += [plot.threshold(step) for step in dashed if step["value"] <= top]
    width, height = size
    return f'<svg width="{width}" height="{height}">{"".join(drawn)}</svg>'


def legend(lines: Sequence[Line]) -> str:
    """Names with their colours."""
    items = (
        f'<span><i style="background:{_nth(place)}"></i>{escape(line.name)}</span>'
        for place, line in enumerate(lines)
    )
    return f'<div class="legend">{"".join(items)}</div>'


def _nth(place: int) -> str:
    return PALETTE[place % len(PALETTE)]


class _Plot:
    """From time and value to places in the picture."""

    def __init__(self, span: tuple[float, float], top: float, size: tuple[int, int]) -> None:
        self.span, self.top, self.size = span, top, size

    def x(self, at: float) -> float:
        start, end = self.span
        return _LEFT + (at - start) / (end - start) * (self.size[0] - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        height = self.size[1] - _TOP - _BOTTOM
        return _TOP + (1 - max(value, 0) / self.top) * height

    def grid(self, unit: str) -> str:
        right = self.size[0] - _RIGHT
        drawn = []
        for tick in range(_TICKS + 1):
            value = self.top * tick / _TICKS
            y = self.y(value)
            drawn.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>')
            said = written(value, unit)
            drawn.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{said}</text>')
        start, end = self.span
        step = _time_step(end - start)
        at = math.ceil(start / step) * step
        while at <= end:
            said = datetime.fromtimestamp(at, UTC).strftime("%H:%M")
            x = self.x(at)
            drawn.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{self.size[1] - _BOTTOM}"/>')
            low = self.size[1] - 6
            drawn.append(f'<text x="{x:.1f}" y="{low}" text-anchor="middle">{said}</text>')
            at += step
        return "".join(drawn)

    def line(self, line: Line, below: Line | None, colour: str, *, stacked: bool) -> str:
        drawn = ""
        for piece in _pieces(line.points, self.span):
            path = " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in piece)
            base = dict(below.points) if below else {}
            floor = " ".join(
                f"{self.x(at):.1f},{self.y(base.get(at, 0.0)):.1f}" for at, _ in reversed(piece)
            )
            opacity = 0.35 if stacked else 0.08
            drawn += f'<polygon points="{path} {floor}" fill="{colour}" opacity="{opacity}"/>'
            drawn += f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
        return drawn

    def bars(self, line: Line, below: Line | None, colour: str) -> str:
        base = dict(below.points) if below else {}
        drawn = ""
        for at, value in line.points:
            top, floor = self.y(value), self.y(base.get(at, 0.0))
            drawn += (
                f'<rect x="{self.x(at) - _BAR / 2:.1f}" y="{top:.1f}" width="{_BAR}" '
                f'height="{floor - top:.1f}" fill="{colour}" opacity="0.85"/>'
            )
        return drawn

    def threshold(self, step: dict[str, Any]) -> str:
        y, right = self.y(step["value"]), self.size[0] - _RIGHT
        colour = _COLOURS.get(step["color"], step["color"])
        return f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="{colour}" stroke-dasharray="7 5"/>'


def _stacked(lines: Sequence[Line]) -> list[tuple[Line, Line | None]]:
    """Each on the sum of those before it, absent ones counting as 0."""
    moments = sorted({at for line in lines for at, _ in line.points})
    sums = dict.fromkeys(moments, 0.0)
    layers: list[tuple[Line, Line | None]] = []
    below: Line | None = None
    for line in lines:
        values = dict(line.points)
        for at in moments:
            sums[at] += values.get(at, 0.0)
        layer = Line(line.name, list(sums.items()))
        layers.append((layer, below))
        below = layer
    return layers


def _pieces(
    points: list[tuple[float, float]], span: tuple[float, float]
) -> list[list[tuple[float, float]]]:
    """Cut where there is nothing for a while, as Grafana does."""
    gap = (span[1] - span[0]) / 240 * 3
    pieces: list[list[tuple[float, float]]] = []
    for point in points:
        if pieces and point[0] - pieces[-1][-1][0] <= gap:
            pieces[-1].append(point)
        else:
            pieces.append([point])
    return pieces


def _rounded_up(value: float) -> float:
    size = 10 ** math.floor(math.log10(value))
    return float(
        next(step for step in (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10) if step * size >= value) * size
    )


def _time_step(seconds: float) -> int:
    steps = (60, 120, 300, 600, 1800, 3600, 21600, 86400)
    return next(step for step in steps if seconds / step <= _MOMENTS)

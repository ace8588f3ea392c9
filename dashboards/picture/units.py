"""Values as Grafana writes them, nearly."""

from typing import Any

_LARGE = 10_000
_DURATIONS = ((86400, "day"), (3600, "hour"), (60, "min"), (1, "s"))


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """``value`` in the panel's unit."""
    if unit == "percentunit":
        return f"{100 * value:.{1 if decimals is None else decimals}f}%"
    if unit == "s":
        return _duration(value)
    if unit == "cps":
        return f"{_short(value)} c/s" if value else "0"
    return _short(value)


def colour(value: float, steps: list[dict[str, Any]]) -> str:
    """The colour of the last step that ``value`` has reached."""
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return str(reached[-1])


def _duration(seconds: float) -> str:
    for size, name in _DURATIONS:
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {name}"
    return "0 s" if not seconds else f"{1000 * seconds:.3g} ms"


def _short(value: float) -> str:
    if abs(value) >= _LARGE:
        return f"{value / 1000:.3g} K"
    return f"{value:.0f}" if value == round(value) else f"{value:.3g}"

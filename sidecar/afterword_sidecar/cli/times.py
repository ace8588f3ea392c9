"""Moments as people write and read them."""

import re
from datetime import UTC, datetime
from typing import Final

import click

from afterword_sidecar.settings.quantities import RefusedError, duration
from afterword_sidecar.web.api_parameters import moment_seconds

_AGO: Final = re.compile(r"\d+(\.\d+)?(ms|s|m|h|d|w)")
_STEPS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))


def moment(_ctx: click.Context, _param: click.Parameter, text: str | None) -> str | None:
    """An option's ``15m`` (ago), RFC 3339 or Unix seconds, as the API takes it: Unix seconds."""
    if text is None:
        return None
    try:
        if _AGO.fullmatch(text):
            return repr(datetime.now(UTC).timestamp() - duration(text))
        return repr(moment_seconds(text))
    except (RefusedError, ValueError) as error:
        raise click.BadParameter(f"{text!r}: {error} (or a time ago: 15m, 2h, 7d)") from error


def local(moment: str | None) -> str:
    """A moment of the API in local time, to the millisecond; empty for none."""
    if moment is None:
        return ""
    at = datetime.fromisoformat(moment)
    try:
        at = at.astimezone()
    except (OverflowError, ValueError):  # the calendar's first and last day
        return moment
    return at.isoformat(sep=" ", timespec="milliseconds")


def age(moment: str, now: datetime) -> str:
    """How long ago, in one unit: ``12s``, ``3h``."""
    return seconds_short(max(0.0, (now - datetime.fromisoformat(moment)).total_seconds()))


def seconds_short(seconds: float) -> str:
    """A duration in its largest fitting unit."""
    for length, unit in _STEPS:
        if seconds >= length:
            return (
                f"{seconds / length:.3g}{unit}" if unit == "s" else f"{seconds // length:.0f}{unit}"
            )
    return f"{seconds * 1000:.3g}ms"

"""How the page says counts, durations, moments and outcomes. Pure."""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

import htpy as h

from afterword_sidecar.service.history import CANCELLED_ITSELF

OUTCOMES_IN_WORDS: Final = {
    "in_flight": "in flight",
    "completed": "completed",
    "failed": "failed",
    "timed_out": "timed out",
    "cancelled": "cancelled",
    "dropped": "dropped",
    "unknown": "unknown",
}
REASONS_IN_WORDS: Final = {
    "completed": "it returned",
    "timeout": "its timeout ran out",
    "raised": "a TimeoutError escaped",
    "platform_deadline": "cut off at its deadline",
    "exception": "it raised",
    "cancelled": "the application cancelled it",
    "disconnected": "the client went away",
    "no_context": "nothing could run it",
    "refused": "the platform refused it",
    "skipped": "a sibling failed first",
    "abandoned": "garbage-collected",
    "never_started": "its invocation ended first",
    "shutdown": "its process was stopping",
    "instance_lost": "its process died",
    "expired": "nothing heard for too long",
    "span_unset": "its span has no status",
    "evidence_lost": "its telemetry has a gap",
}
PENDING_IN_WORDS: Final = {
    "deadline_near": "its deadline is near",
    "shutdown": "its process is stopping",
}
BASES_IN_WORDS: Final = {
    "observed": "The task said so itself.",
    "proven": "Nothing about it can be on its way any more.",
    "inferred": "From silence: its end may have been lost on the way.",
}
NOTHING: Final = "\N{EN DASH}"
NOTHING_TOLD: Final = "Nothing has been told yet."
"""Of an empty book: more is not known."""

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_LONG: Final = ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", 1, "s"))
_SHORT: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_JUST_UNDER_ONE: Final = 0.9995
_ROUND_FROM: Final = 9.95


def count(number: int) -> str:
    """With thin spaces between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def duration(seconds: float) -> str:
    """To about two digits, in the unit that fits."""
    if seconds < 0:
        return f"\N{MINUS SIGN}{duration(-seconds)}"
    if seconds < _MINUTE:
        return _short(seconds)
    for unit, name, smaller, name_of_smaller in _LONG:
        if seconds >= unit:
            rest = int(seconds % unit // smaller)
            return f"{int(seconds // unit)} {name}" + (f" {rest} {name_of_smaller}" if rest else "")
    return _short(seconds)


def _short(seconds: float) -> str:
    for unit, name in _SHORT:
        if seconds >= unit * _JUST_UNDER_ONE:
            number = seconds / unit
            return f"{number:.0f} {name}" if number >= _ROUND_FROM else f"{number:.1f} {name}"
    return "0 s"


def share(part: float, whole: float) -> str:
    """As a percentage that says 100 or 0 only if it is exactly so."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if percent in (0, 100):
        return f"{percent:.0f} %"
    clamped = min(99.99, max(0.01, percent))
    return f"{clamped:.2f} %" if clamped > 99 or clamped < 1 else f"{clamped:.1f} %"  # noqa: PLR2004 - near the ends two digits matter


def at(moment: str) -> datetime:
    """A moment of the API's."""
    return datetime.fromisoformat(moment)


def seconds_between(earlier: str, later: str) -> float:
    """From one moment to another."""
    return (at(later) - at(earlier)).total_seconds()


def clock(moment: str) -> str:
    """The time of day, UTC."""
    return at(moment).astimezone(UTC).strftime("%H:%M:%S")


def clock_to_milliseconds(moment: str) -> str:
    """The time of day, UTC, as exact as people ask for."""
    return at(moment).astimezone(UTC).isoformat(timespec="milliseconds")[11:23]


def minute(seconds: float) -> str:
    """The time of day of a moment (Unix seconds), UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M")


def short_day(seconds: float) -> str:
    """The day of a moment (Unix seconds), UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b")


def day(moment: str) -> str:
    """The date, UTC."""
    told = at(moment).astimezone(UTC)
    return f"{told.day} {told:%B} {told.year}"


def day_and_clock(moment: str, now: str) -> str:
    """The time of day, with the date where it is not today's."""
    told, today = at(moment).astimezone(UTC), at(now).astimezone(UTC)
    form = "%H:%M:%S" if told.date() == today.date() else "%d %b %H:%M:%S"
    return told.strftime(form if told.year == today.year else "%Y-%m-%d %H:%M:%S")


def moment(told: str, now: str) -> h.Element:
    """A moment by its clock, whole in its title."""
    return h.time(datetime=told, title=told)[day_and_clock(told, now)]


def ago(told: str, now: str) -> h.Element:
    """How long ago a moment was, whole in its title."""
    passed = seconds_between(told, now)
    words = "just now" if abs(passed) < 1 else f"{duration(passed)} ago"
    return h.time(datetime=told, title=told)[words]


def outcome(name: str) -> h.Element:
    """An outcome with its colour, and its name."""
    return h.span(class_=f"outcome {name}")[OUTCOMES_IN_WORDS.get(name, name)]


def plural(number: int, one: str, many: str = "") -> str:
    """``number`` and its noun."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def waiting_in(awaiting: str) -> str:
    """What is said before a told place: nothing before ``not started`` and ``running …``."""
    return "" if awaiting.startswith(("not started", "running ")) else "waiting in "


def is_lost(outcome: str, reason: str | None) -> bool:
    """Settled and not completed, and not cancelled by the application itself."""
    return outcome not in {"completed", "in_flight"} and (outcome, reason) != CANCELLED_ITSELF


def link(path: str, **parameters: str | None) -> str:
    """A path with those parameters that have a value."""
    given = {name.rstrip("_"): value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def class_name(name: str) -> str:
    """A class without its module, which stands where there is room."""
    return name.rpartition(".")[2] or name


def short_id(task_id: str) -> str:
    """Enough of an id to recognise it."""
    stream, _, sequence = task_id.partition("-")
    return f"{stream[:8]}-{sequence}"

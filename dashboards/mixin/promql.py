"""PromQL in a few words. Every function returns an expression."""

from collections.abc import Sequence

RATE = "$__rate_interval"


def selector(metric: str, *matchers: str) -> str:
    """``metric{a="b", …}``."""
    chosen = ", ".join(matcher for matcher in matchers if matcher)
    return f"{metric}{{{chosen}}}" if chosen else metric


def total(by: Sequence[str], expression: str) -> str:
    """The sum by these labels."""
    return f"sum by ({', '.join(by)}) ({expression})"


def total_of(by: Sequence[str], expression: str) -> str:
    """The same, for an expression of several lines."""
    return total(by, f"\n{indented(expression)}\n")


def seconds(duration: str) -> int:
    """``5m`` is 300."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]


def grown(counter: str, matchers: str, window: str, bridged: str) -> str:
    """By how much a counter has grown in a window: a whole number, first occurrences included.

    ``increase`` needs two samples, so it does not see what happened before the first scrape of a
    series, nor while the sidecar was away; and it extrapolates. Here a series that was born in the
    window counts as a whole (``_created`` says when; it is not there without OpenMetrics), and any
    other one against its last value before the window, up to ``bridged`` further back. A book that
    was made anew counts from 0: its series are young.

    ``counter`` is a name without ``_total``.
    """
    now = selector(f"{counter}_total", matchers)
    born = selector(f"{counter}_created", matchers)
    return (
        f"(\n  {now} and {born} > time() - {seconds(window)}\n)\n"
        f"or\n(\n  {now}\n  - last_over_time({now}[{bridged}] offset {window})\n) >= 0"
    )


def share(part: str, whole: str) -> str:
    """A ratio that is absent, not NaN, where there was nothing: NaN poisons what is built on it."""
    return f"{part} / ({whole} > 0)"


def indented(expression: str, spaces: int = 2) -> str:
    """Each line further to the right."""
    return "\n".join(f"{' ' * spaces}{line}" for line in expression.splitlines())

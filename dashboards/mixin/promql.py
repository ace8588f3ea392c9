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


def grown(
    counter: str, matchers: Sequence[str], window: str, bridged: str, newborn_after: Sequence[str]
) -> str:
    """By how much a counter has grown in a window: a whole number, first occurrences included.

    ``increase`` needs two samples, so it does not see what happened before the first scrape of a
    series, nor while the sidecar was away; and it extrapolates. Here it is the last value in the
    window, less

    - the last one before it, up to ``bridged`` back, of the same series: one with another
      ``_created`` was in a book that is gone;
    - else 0, where the series is new: where it was born after any of ``newborn_after``, which are
      what ``_created`` is compared with. (Without OpenMetrics there is no ``_created``.);
    - else the least in the window: of a series that was there before Prometheus knew of it, what
      it held then is nobody's news.

    So the growths of windows that follow each other add up to the whole, whatever was missed
    between two scrapes. ``counter`` is a name without ``_total``.
    """
    total_, created = (
        selector(f"{counter}_total", *matchers),
        selector(f"{counter}_created", *matchers),
    )
    now, born = f"last_over_time({total_}[{window}])", f"last_over_time({created}[{window}])"
    before = f"[{bridged}] offset {window}"
    newborn = "".join(f"\n      unless {born} > {limit}" for limit in newborn_after)
    return (
        f"clamp_min(\n  {now}\n  - (\n"
        f"    (\n      last_over_time({total_}{before})\n"
        f"      unless last_over_time({created}{before}) != {born}\n    )\n    or\n"
        f"    (\n      min_over_time({total_}[{window}]){newborn}\n    )\n    or\n"
        f"    0 * {now}\n  ),\n  0\n)"
    )


def share(part: str, whole: str) -> str:
    """A ratio that is absent, not NaN, where there was nothing: NaN poisons what is built on it."""
    return f"{part} / ({whole} > 0)"


def indented(expression: str, spaces: int = 2) -> str:
    """Each line further to the right."""
    return "\n".join(f"{' ' * spaces}{line}" for line in expression.splitlines())

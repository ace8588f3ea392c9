"""Counts of the range shown, or of each of its steps: whole, first occurrences included.

One definition everywhere: *judged* is what settled, but for unknown ends and for what the
application cancelled itself; *lost* is what settled without having completed, but for what the
application cancelled itself. So a task whose client went away is lost, and judged.
"""

from collections.abc import Sequence
from typing import Final

from dashboards.mixin.config import CONFIG
from dashboards.mixin.promql import grown, seconds, total

INSTANCE: Final = ('job=~"$job"', 'instance=~"$instance"')
TASK: Final = (*INSTANCE, 'service_name=~"$service"', 'task=~"$task"')

SETTLED: Final = "afterword_tasks_settled"
JUDGED: Final = ('outcome!="unknown"', 'reason!="cancelled"')
LOST: Final = ('outcome!="completed"', 'reason!="cancelled"')


def in_step(counter: str, *matchers: str) -> str:
    """By how much each series has grown in a step of the picture, to be drawn as bars.

    What was not seen before, and is not older than outages that are bridged, counts as a whole
    where it is seen first.
    """
    bridged = CONFIG.outage_bridged
    return grown(counter, matchers, "$__interval", bridged, [f"time() - {seconds(bridged)}"])


def in_range(counter: str, *matchers: str) -> str:
    """By how much each series has grown in the range shown."""
    return grown(counter, matchers, "$__range", "5m", ["time() - $__range_s"])


def settled_in_range(by: Sequence[str], *matchers: str) -> str:
    """Tasks that settled so in the range shown, less those whose verdict was taken back."""
    pronounced = in_range(SETTLED, *TASK, *matchers)
    taken_back = in_range("afterword_tasks_amended", *TASK, *(f"from_{each}" for each in matchers))
    net = f"{pronounced}\nor\n-1 * {taken_back}"
    return total(by, net) if by else f"sum({net})"


def completed_share(by: Sequence[str] = ()) -> str:
    """Of the tasks judged in the range shown."""
    completed = settled_in_range(by, 'outcome="completed"')
    return f"{completed} / ({settled_in_range(by, *JUDGED)} > 0)"

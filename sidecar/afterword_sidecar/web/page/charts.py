"""Pictures in SVG: shapes only, coloured by the style sheet, with their words beside them. Pure.

Nothing is styled inline, which the content security policy forbids; sizes are attributes. Text is
HTML around the picture, so that it has its own size on every screen.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import htpy as h

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import time_axis, words

NOT_COMPLETED: Final = ("failed", "timed_out", "cancelled", "dropped", "unknown")
ALL: Final = ("completed", *NOT_COMPLETED, "in_flight")
_svg, _rect, _title, _g = h.svg, h.Element("rect"), h.Element("title"), h.Element("g")
_polyline, _line, _animate = h.Element("polyline"), h.Element("line"), h.Element("animate")
_UP: Final = 60
_DOWN: Final = 40
_GAP: Final = 1.0
_BAR: Final = 0.78
_HOUR_SECONDS: Final = 3_600
NEAR: Final = 0.8
"""Of its time: from here on a deadline is at hand."""
_LONGEST_ANIMATION_SECONDS: Final = 86_400.0


def proportions(parts: Mapping[str, int], label: str) -> h.Element:
    """Counts by outcome as one bar of stacked pieces."""
    whole = sum(parts.values())
    pieces, begin = [], 0.0
    for name, number in parts.items():
        if not number:
            continue
        # What happened once in a million is still to be seen.
        width = max(0.4, 100 * number / whole)
        pieces.append(_piece(name, begin, width))
        begin += width
    told = ", ".join(
        f"{words.count(n)} {words.OUTCOMES_IN_WORDS[k]}" for k, n in parts.items() if n
    )
    return _svg(
        ".proportions",
        viewBox=f"0 0 {max(begin, 1):.2f} 1",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{label}: {told or 'nothing'}",
    )[pieces]


def _piece(name: str, x: float, width: float) -> h.Element:
    return _rect(class_=f"fill {name}", x=f"{x:.3f}", y="0", width=f"{width:.3f}", height="1")


def spark(minutes: Sequence[tuple[int, int, int]], label: str) -> h.Element:
    """The last hour of a task: what completed, and under it what was lost."""
    highest = max((completed + lost for _, completed, lost in minutes), default=0) or 1
    bars = []
    for at, (_, completed, lost) in enumerate(minutes):
        low, up = 18 * lost / highest, 18 * completed / highest
        if lost:
            low = max(low, 2.5)
            bars.append(_bar("fill lost", at, 20 - low, low))
        if completed:
            bars.append(_bar("fill completed", at, 20 - low - up, up))
    return _svg(
        ".spark", viewBox="0 0 60 20", preserveAspectRatio="none", role="img", aria_label=label
    )[_line(class_="axis", x1="0", x2="60", y1="20", y2="20"), bars]


def _bar(class_: str, x: float, y: float, height: float) -> h.Element:
    return _rect(class_=class_, x=f"{x:.2f}", y=f"{y:.2f}", width=str(_BAR), height=f"{height:.2f}")


def outcomes_over_time(book: shapes.Book) -> h.Element:
    """What completed above the line, what did not below it; each with a scale of its own."""
    slots = book.slots
    high = max((max(slot.completed, slot.scheduled) for slot in slots), default=0)
    low = max((not_completed_in(slot) for slot in slots), default=0)
    columns = [_column(at, slot, high or 1, low or 1) for at, slot in enumerate(slots)]
    # The slot in which the sidecar started is not shaded: some of it is whole.
    early = sum(1 for slot in slots if slot.at < book.whole_since) - 1
    handed = " ".join(_step(at, slot, high or 1) for at, slot in enumerate(slots))
    picture = _svg(
        ".outcomes",
        viewBox=f"0 0 {len(slots)} {_UP + _DOWN + _GAP}",
        preserveAspectRatio="none",
        role="img",
        aria_label=_summary(book),
    )[
        early > 0
        and _rect(class_="shaded", x="0", y="0", width=str(early), height=str(_UP + _DOWN)),
        columns,
        _polyline(class_="handed-over", points=handed),
        _line(class_="axis", x1="0", x2=str(len(slots)), y1=str(_UP), y2=str(_UP)),
    ]
    return h.div(".chart")[
        h.div(".scale", aria_hidden="true")[
            h.span[words.count(high)], h.span[0], h.span[words.count(low)]
        ],
        picture,
        time_axis.axis(slots[0].at, len(slots), book.slot_seconds),
    ]


def not_completed_in(slot: shapes.Slot) -> int:
    """How many verdicts of the slot were not ``completed``."""
    return sum(getattr(slot, name) for name in NOT_COMPLETED)


def _column(at: int, slot: shapes.Slot, high: int, low: int) -> h.Element | None:
    lost = not_completed_in(slot)
    if not (slot.completed or lost or slot.scheduled):
        return None
    up = _UP * slot.completed / high
    pieces, y = [_bar("fill completed", at + 0.11, _UP - up, up)], _UP + _GAP
    for name in NOT_COMPLETED:
        number = getattr(slot, name)
        if number:
            height = max(1.6, _DOWN * number / low)
            pieces.append(_bar(f"fill {name}", at + 0.11, y, height))
            y += height
    whole = _rect(class_="hover", x=str(at), y="0", width="1", height=str(_UP + _DOWN))
    return _g[_title[in_words(slot)], whole, pieces]


def in_words(slot: shapes.Slot) -> str:
    """A slot in one line."""
    told = [f"{words.clock(slot.at)} UTC", f"{words.count(slot.scheduled)} handed over"]
    told += [
        f"{words.count(getattr(slot, name))} {words.OUTCOMES_IN_WORDS[name]}"
        for name in ("completed", *NOT_COMPLETED)
        if getattr(slot, name)
    ]
    return ", ".join(told)


def _step(at: int, slot: shapes.Slot, high: int) -> str:
    y = _UP - _UP * slot.scheduled / high
    return f"{at},{y:.2f} {at + 1},{y:.2f}"


def _summary(book: shapes.Book) -> str:
    completed = sum(slot.completed for slot in book.slots)
    lost = sum(not_completed_in(slot) for slot in book.slots)
    return (
        f"Outcomes over time: {words.count(completed)} completed, {words.count(lost)} did not. "
        "The same as a table below."
    )


def losses_over_time(hours: Sequence[shapes.LossHour]) -> h.Element:
    """Dead letters of a week (168 hours) by the hour, stacked by outcome."""
    highest = max((sum(hour.by_outcome.values()) for hour in hours), default=0)
    columns = []
    for at, hour in enumerate(hours):
        y, pieces = 40.0, []
        for name in NOT_COMPLETED:
            number = hour.by_outcome.get(name, 0)
            if number:
                height = max(1.6, 40 * number / highest)
                y -= height
                pieces.append(_bar(f"fill {name}", at + 0.11, y, height))
        if pieces:
            told = ", ".join(
                f"{words.count(number)} {words.OUTCOMES_IN_WORDS.get(name, name)}"
                for name, number in hour.by_outcome.items()
            )
            whole = _rect(class_="hover", x=str(at), y="0", width="1", height="40")
            stamp = words.at(hour.at).strftime("%d %b %H:00")
            columns.append(_g[_title[f"{stamp} UTC: {told}"], whole, pieces])
    total = sum(sum(hour.by_outcome.values()) for hour in hours)
    return h.div(".chart.week")[
        h.div(".scale", aria_hidden="true")[h.span[words.count(highest)], h.span[0]],
        _svg(
            ".losses-by-hour",
            viewBox=f"0 0 {len(hours)} 40",
            preserveAspectRatio="none",
            role="img",
            aria_label=f"Dead letters of the last seven days by the hour: {words.count(total)}",
        )[_line(class_="axis", x1="0", x2=str(len(hours)), y1="40", y2="40"), columns],
        time_axis.axis(hours[0].at, len(hours), _HOUR_SECONDS),
    ]


def deadline_bar(used: float, left_seconds: float) -> h.Element:
    """How much of its time a task has used; it goes on by itself, without a script."""
    late = used >= 1
    width = 100 * min(1.0, max(0.0, used))
    moves = not late and 0 < left_seconds < _LONGEST_ANIMATION_SECONDS
    return _svg(".deadline", viewBox="0 0 100 6", preserveAspectRatio="none", aria_hidden="true")[
        _rect(class_="track", x="0", y="0", width="100", height="6"),
        _rect(
            class_="used late" if late else ("used near" if used >= NEAR else "used"),
            x="0",
            y="0",
            width=f"{width:.2f}",
            height="6",
        )[
            moves
            and _animate(
                attributeName="width",
                from_=f"{width:.2f}",
                to="100",
                dur=f"{left_seconds:.2f}s",
                fill="freeze",
            )
        ],
    ]


def life(
    marks: Sequence[tuple[str, float]], spans: Sequence[tuple[str, float, float]]
) -> h.Element:
    """A task's life: stretches (class, from, to) and marks (class, at), all from 0 to 1."""
    return _svg(".life", viewBox="0 0 1000 24", preserveAspectRatio="none", aria_hidden="true")[
        _line(class_="axis", x1="0", x2="1000", y1="12", y2="12"),
        [
            _rect(
                class_=f"span {name}",
                x=f"{1000 * begin:.1f}",
                y="7",
                width=f"{max(2.0, 1000 * (end - begin)):.1f}",
                height="10",
            )
            for name, begin, end in spans
        ],
        [
            _rect(
                class_=f"mark {name}",
                x=f"{min(996.0, 1000 * at):.1f}",
                y="1",
                width="4",
                height="22",
            )
            for name, at in marks
        ],
    ]

"""Where round times stand under a chart, and what is written there. Pure."""

from collections.abc import Callable
from typing import Final

import htpy as h
import msgspec

from afterword_sidecar.web.page import words

_svg, _line, _text = h.svg, h.Element("line"), h.Element("text")
_MINUTE: Final = 60
_HOUR: Final = 3_600
DAY_SECONDS: Final = 86_400
_STEPS: Final = (2 * _MINUTE, 10 * _MINUTE, _HOUR, 4 * _HOUR, DAY_SECONDS)
_TICKS_AT_MOST: Final = 7
_NEAR_THE_END: Final = 0.9


class Tick(msgspec.Struct, frozen=True):
    """A round time: how far along the axis, from 0 to 1, and in words."""

    place: float
    words: str


def ticks(first: str, slots: int, slot_seconds: int) -> list[Tick]:
    """Of so many slots from the moment ``first``: whole minutes, hours or midnights of UTC."""
    began, whole = words.at(first).timestamp(), slots * slot_seconds
    step = next((s for s in _STEPS if whole <= s * _TICKS_AT_MOST), _STEPS[-1])
    told: Callable[[float], str] = words.short_day if step == DAY_SECONDS else words.minute
    beginning = -(-began // step) * step
    return [
        Tick((at - began) / whole, told(at))
        for at in (beginning + step * n for n in range(_TICKS_AT_MOST + 1))
        if at < began + whole
    ]


def axis(first: str, slots: int, slot_seconds: int) -> h.Element:
    """Under a chart of these slots. Places are shares of its width, as inline styles are barred."""
    marks = [
        (
            _line(
                class_="other" if at % 2 else None,
                x1=(x := f"{100 * tick.place:.3f}%"),
                x2=x,
                y1="0",
                y2="100%",
            ),
            _text(
                class_="other" if at % 2 or tick.place >= _NEAR_THE_END else None,
                x=x,
                y="1em",
                dx="4" if tick.place < _NEAR_THE_END else "-4",
                text_anchor="start" if tick.place < _NEAR_THE_END else "end",
            )[tick.words],
        )
        for at, tick in enumerate(ticks(first, slots, slot_seconds))
    ]
    return _svg(".times", aria_hidden="true")[marks]

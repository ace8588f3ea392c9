"""Outcomes over time: a picture, its legend, and the same as a table. Pure."""

from typing import Final

import htpy as h

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.page import charts, layout, words

_RANGES: Final = {"10m": "10 minutes", "1h": "hour", "6h": "6 hours", "24h": "day"}
_EVERY: Final = {10: "10 seconds", 60: "the minute", 300: "5 minutes", 1_200: "20 minutes"}
_OUTCOMES: Final = ("completed", *charts.NOT_COMPLETED)


def over_time(book: shapes.Book, reach: str) -> h.Element:
    """The section with the outcomes of the last ``reach``, one of the ranges offered."""
    choice = h.nav(".choice", aria_label="How far back")[
        [
            h.a(
                href=words.link("/", range=name),
                aria_current="true" if name == reach else None,
            )[f"last {told}"]
            for name, told in _RANGES.items()
        ]
    ]
    if not _slots_with_something(book):
        since = words.moment(book.whole_since, book.at)
        return layout.section(
            "over-time",
            "Outcomes over time",
            layout.empty(
                f"Nothing was handed over or ended within the last {_RANGES[reach]}.",
                [
                    "This sidecar has counted since it started, at ",
                    since,
                    " UTC.",
                ],
            ),
            aside=choice,
        )
    return layout.section(
        "over-time",
        "Outcomes over time",
        charts.outcomes_over_time(book),
        _legend(book),
        _as_table(book),
        aside=choice,
    )


def _legend(book: shapes.Book) -> h.Element:
    every = _EVERY[book.slot_seconds]
    shown = [n for n in _OUTCOMES if n == "completed" or any(getattr(s, n) for s in book.slots)]
    early = book.slots[0].at < book.whole_since
    return h.p(".legend")[
        [words.outcome(name) for name in shown],
        h.span(".key-line")["handed over"],
        h.span(".note")[
            f"Verdicts by {every}. Above and below the line each have their own scale.",
            [
                " Shaded: before this sidecar started, at ",
                words.moment(book.whole_since, book.at),
                "; of that time only losses are known, from the dead letters.",
            ]
            if early
            else None,
        ],
    ]


def _as_table(book: shapes.Book) -> h.Element:
    headings = [("", "from (UTC)"), ("number", "handed over")]
    headings += [("number", words.OUTCOMES_IN_WORDS[name]) for name in _OUTCOMES]
    rows: list[list[h.Node]] = [
        [
            words.moment(slot.at, book.at),
            *(words.count(getattr(slot, name)) for name in ("scheduled", *_OUTCOMES)),
        ]
        for slot in reversed(_slots_with_something(book))
    ]
    return h.details("#over-time-table")[
        h.summary["The same as a table"], layout.table("Outcomes over time", headings, rows)
    ]


def _slots_with_something(book: shapes.Book) -> list[shapes.Slot]:
    return [
        slot
        for slot in book.slots
        if slot.scheduled or slot.completed or charts.not_completed_in(slot)
    ]
